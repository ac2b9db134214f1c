/* url_backend.h - the URLs of a url table: where each of them leads, and how it has been doing. */
#ifndef PODOP_TABLE_URL_URL_BACKEND_H
#define PODOP_TABLE_URL_URL_BACKEND_H

#include "url_health.h"
#include "url_sites.h"
#include "url_template.h"

#include "podop/settings.h"
#include "podop/table_backend.h"

struct table;

struct url_backend {
    struct url_template *template;
    unsigned generation; /* of the addresses that have places */
};

/* The URLs of param in their order, then commit_url. See url_places.h for their places. */
struct url_backends {
    struct table *table; /* the table that contains this struct */
    struct url_backend *items;
    size_t count;              /* of the URLs of param */
    bool has_commit;           /* items[count] is commit_url */
    bool is_spread;            /* lookups are shared between the places */
    size_t places;             /* of each URL, at most */
    struct url_health *health; /* two tables may share it: url_backends_take_over() */
    struct url_site_plan *plan;
    struct url_sites *sites; /* a reference; in the order of items */
};

/* Checks that url, a string of param, is a URL template for a table of that name. Returns 0, or -1
 * with the reason in err. */
int url_backends_check(const char *url, const char *table, struct error *err);
/* Reads the files of the credentials. Returns 0, or -1 with the reason in err. b must be closed in
 * both cases. */
int url_backends_open(struct url_backends *b, struct table *table,
                      const struct table_config *config, struct error *err);
/* Replaces the sites by ones with other credentials. *access is taken and zeroed. Requests under
 * way keep their sites. Returns 0, or -1 with the reason in err and without any change. */
int url_backends_renew(struct url_backends *b, struct url_access *access, struct error *err);
void url_backends_close(struct url_backends *b);
/* Lets next, which has served no request yet, share the health of previous, whose URLs are the
 * same. previous may still be at work. */
void url_backends_take_over(struct url_backends *next, const struct url_backends *previous);

/* Returns the place of commit_url. */
static inline size_t url_backends_commit(const struct url_backends *b)
{
    return b->count * b->places;
}

/* Returns the URL of a place, by its index in items. */
static inline size_t url_backends_index(const struct url_backends *b, size_t at)
{
    if (at < b->count)
        return at;
    return at == url_backends_commit(b) ? b->count : at % b->count;
}

static inline const struct url_backend *url_backends_at(const struct url_backends *b, size_t at)
{
    return &b->items[url_backends_index(b, at)];
}

/* How one of the places has been doing. */
struct url_report {
    const char *base;               /* "http://host:port"; borrowed, as the other texts */
    const struct endpoint *address; /* NULL: the place is not an address */
    bool is_gone;                   /* not a place at the moment; the rest says nothing */
    uint32_t under_way;
    uint64_t requests;
    uint64_t failures; /* refused, timed out, a bad status or body: after all retries */
    unsigned failures_in_row;
    unsigned counted; /* of those in a row, towards suspension */
    bool is_suspended;
    const char *cause;     /* of the suspension: "unsent", "unanswered" or "answered" */
    uint64_t suspended_ms; /* since then */
    uint64_t left_ms;      /* until a request may try it; 0: the next one does */
    bool is_failing;       /* it failed, and has not recovered */
    uint64_t failing_ms;   /* since then */
    bool has_failed;       /* at least once */
    uint64_t failed_ms;    /* since the last failure */
    const char *reason;    /* of the last failure */
};
/* Does table_backend() for the URL of that index in items. */
bool url_backends_describe(const struct url_backends *b, size_t index, struct table_backend *to);
size_t url_backends_count(const struct url_backends *b); /* with commit_url */
struct url_report url_backends_report(const struct url_backends *b, size_t at);

#endif
