/* url_backend.h - the URLs of a url table: where each leads to, and how it has been doing. */
#ifndef PODOP_TABLE_URL_URL_BACKEND_H
#define PODOP_TABLE_URL_URL_BACKEND_H

#include "url_access.h"

#include "podop/config.h"
#include "podop/http.h"
#include "podop/url_template.h"

struct table;
struct url_health; /* how each of a table's URLs has been doing */

struct url_backend {
    struct url_template *template;
    struct http_site *site;
};

/* A table's URLs: those of param in their order, and behind them that of commit_url. */
struct url_backends {
    struct table *table; /* it is a part of that */
    struct url_backend *items;
    size_t count;              /* of param's */
    bool has_commit;           /* items[count] is there */
    struct url_health *health; /* counted, as two tables may share it: see url_backends_inherit() */
};

/* Whether url, which is of param, is a template: 0, or -1 with the reason in err. */
int url_backends_check(const char *url, struct error *err);
/* access is borrowed for the call. 0, or -1 with the reason in err; to be closed in both cases. */
int url_backends_open(struct url_backends *b, struct table *table, const struct url_access *access,
                      const struct table_config *config, struct http *http, struct error *err);
void url_backends_close(struct url_backends *b);
/* next, which nobody has asked yet, goes on with what is known of previous's URLs, which are the
 * same. previous may still be asked. */
void url_backends_inherit(struct url_backends *next, const struct url_backends *previous);

/* How one of the URLs has been doing. */
struct url_report {
    const char *base; /* "http://host:port"; borrowed, as reason */
    uint64_t requests;
    uint64_t failures; /* refused, timed out, a status of failure, no use: after all retries */
    unsigned failures_in_row;
    unsigned counted; /* of them, towards being suspended */
    bool is_suspended;
    const char *cause;     /* what suspended it: "unsent", "unanswered" or "answered" */
    uint64_t suspended_ms; /* for so long already */
    uint64_t left_ms;      /* and so much longer; 0: the next lookup tries it */
    bool has_failed;       /* ever */
    uint64_t failed_ms;    /* so long ago, the last time, and why */
    const char *reason;
};
size_t url_backends_count(const struct url_backends *b); /* that of commit_url is the last */
struct url_report url_backends_report(const struct url_backends *b, size_t i);

#endif
