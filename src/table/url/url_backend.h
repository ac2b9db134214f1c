/* url_backend.h - the URLs of a url table: where each of them leads, and how it has been doing. */
#ifndef PODOP_TABLE_URL_URL_BACKEND_H
#define PODOP_TABLE_URL_URL_BACKEND_H

#include "url_health.h"
#include "url_sites.h"
#include "url_template.h"

#include "podop/settings.h"

struct table;

struct url_backend {
    struct url_template *template;
};

/* The URLs of param in their order, then commit_url. */
struct url_backends {
    struct table *table; /* the table that contains this struct */
    struct url_backend *items;
    size_t count;              /* of the URLs of param */
    bool has_commit;           /* items[count] is commit_url */
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

/* How one of the URLs has been doing. */
struct url_report {
    const char *base; /* "http://host:port"; borrowed, as reason */
    uint64_t requests;
    uint64_t failures; /* refused, timed out, a bad status or body: after all retries */
    unsigned failures_in_row;
    unsigned counted; /* of those in a row, towards suspension */
    bool is_suspended;
    const char *cause;     /* of the suspension: "unsent", "unanswered" or "answered" */
    uint64_t suspended_ms; /* since then */
    uint64_t left_ms;      /* until a request may try it; 0: the next one does */
    bool has_failed;       /* at least once */
    uint64_t failed_ms;    /* since the last failure */
    const char *reason;    /* of the last failure */
};
size_t url_backends_count(const struct url_backends *b); /* with commit_url */
struct url_report url_backends_report(const struct url_backends *b, size_t i);

#endif
