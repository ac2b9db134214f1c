/* url_backend.h - the URLs of a url table: where each leads to, how it has been doing, and which of
 * them a request goes to. */
#ifndef PODOP_TABLE_URL_BACKEND_H
#define PODOP_TABLE_URL_BACKEND_H

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

int url_backends_check(const struct table_config *config, struct error *err);
/* access is borrowed for the call. 0, or -1 with the reason in err; to be closed in both cases. */
int url_backends_open(struct url_backends *b, struct table *table, const struct url_access *access,
                      const struct table_config *config, struct http *http, struct error *err);
void url_backends_close(struct url_backends *b);
/* next, which nobody has asked yet, goes on with what is known of previous's URLs, which are the
 * same. previous may still be asked. */
void url_backends_inherit(struct url_backends *next, const struct url_backends *previous);

/* How one of the URLs has been doing. */
struct url_report {
    const char *base; /* "http://host:port"; borrowed */
    uint64_t requests;
    uint64_t failures; /* refused, timed out, a status of failure, no use: after all retries */
    unsigned failures_in_row;
    bool is_left_alone;
    uint64_t left_alone_ms; /* so much longer; 0: the next lookup tries it */
};
size_t url_backends_count(const struct url_backends *b); /* that of commit_url is the last */
struct url_report url_backends_report(const struct url_backends *b, size_t i);

/* One request on its way from URL to URL. A URL that failed too often is left alone: it is asked by
 * one single lookup after a pause, or by a write or an iteration that would have no other. */
struct url_route {
    struct url_backends *backends;
    size_t at, begin, end; /* at == end: it is at none */
    bool is_lookup;
    bool is_trial;
    bool ignores_suspension; /* where all are suspended, it asks nevertheless */
};

void url_route_init(struct url_route *route, struct url_backends *b, bool is_lookup);
void url_route_init_commit(struct url_route *route, struct url_backends *b); /* to commit_url */
/* To the first URL, from the one with that index on, that is not left alone. false: there is none.
 */
bool url_route_take(struct url_route *route, size_t from);
const struct url_backend *url_route_backend(const struct url_route *route);
/* Whether it has come to a URL, and that may be asked, still or again. */
bool url_route_is_open(const struct url_route *route);

/* Until when to wait for it, of what is left until the deadline: the others behind it that are not
 * left alone may need as long. */
uint64_t url_route_share(const struct url_route *route, uint64_t deadline_at_ms);
void url_route_asked(const struct url_route *route); /* it is sent there, once more */

/* What came of it; the route is over with this URL then, or, after the last one, as good as new. */
void url_route_worked(struct url_route *route);
void url_route_failed(struct url_route *route, const char *why); /* refused, timed out, 5XX */
void url_route_erred(struct url_route *route, const char *why);  /* it lives, and is of no use */
void url_route_drop(struct url_route *route); /* cancelled, or never sent. Any number of times */
/* No whole answer came: it failed, unless podop itself is to blame. */
void url_route_unanswered(struct url_route *route, bool is_own_fault, const char *why);
#define URL_CROWDED "too many requests wait for a connection to the backend"
#define URL_NO_PLACE "the key would leave the path of the URL, and others failed"
/* The request fails at once, as all URLs are left alone. */
#define URL_LEFT_ALONE "what failed before is left alone for a while"
void url_route_found_none(const struct url_route *route);

#endif
