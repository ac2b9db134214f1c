/* document.h - a document of the HTTP listener. It is rendered in slices, so that clients of tables
 * are served meanwhile, and there is one rendering at a time, which all requests that come
 * meanwhile share. */
#ifndef PODOP_MONITOR_DOCUMENT_H
#define PODOP_MONITOR_DOCUMENT_H

#include "monitor_view.h"
#include "web_server.h"

#include "podop/buf.h"
#include "podop/list.h"
#include "podop/slices.h"

/* A rendering, as the functions of a kind see it. */
struct rendering {
    const struct monitor_view *view;
    struct buf *out; /* step appends to it */
    unsigned status; /* HTTP status of the answer: 200, unless step changes it */
    void *state;     /* state_bytes of the kind, zeroed before the first step */
};

/* A constant for each document. */
struct document_kind {
    const char *path;
    /* Returns whether the request gets this document, by its header Accept, which may be NULL. NULL
     * instead of a function: always. Of several kinds with one path, the first one is taken. */
    bool (*is_wanted)(const char *accept);
    const char *media_type;
    const struct web_header *headers; /* more of them, up to one without a name; NULL: none */
    size_t state_bytes;
    /* Renders a small part, in some microseconds. Returns false after the last part. When the
     * router is replaced, all begins again with a zeroed state. */
    bool (*step)(struct rendering *r);
    void (*end)(void *state); /* frees what state owns; may be NULL */
};

struct document {
    const struct document_kind *kind;
    monitor_view_fn *view;
    void *arg;
    struct slices slices;
    struct list waiting;   /* requests that wait for the rendering */
    struct web_body *body; /* what is rendered so far; NULL: no rendering is under way */
    struct buf out;
    unsigned status;
    void *state;
    uint64_t renderings; /* begun */
};

void document_init(struct document *document, const struct document_kind *kind,
                   struct ev_loop *loop, monitor_view_fn *view, void *arg);
/* Answers the requests that wait with 503. */
void document_deinit(struct document *document);
/* Has the request answered, by the rendering that is under way or by a new one. */
void document_ask(struct document *document, struct web_request *request);
/* Begins a rendering that is under way again, because the router was replaced. */
void document_restart(struct document *document);

#endif
