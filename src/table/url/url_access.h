/* url_access.h - the credentials that a url table sends and the certificates that it trusts: the
 * settings auth and tls, read from their files. */
#ifndef PODOP_TABLE_URL_URL_ACCESS_H
#define PODOP_TABLE_URL_URL_ACCESS_H

#include "url_settings.h"

#include "podop/http.h"
#include "podop/secret.h"

struct log;

struct url_access {
    struct secret *authorization; /* the header; NULL: none */
    struct secret *ca, *cert, *key;
    bool is_auth_exposed; /* every user of the machine may read the password or token */
};

/* Checks config without its files. Returns 0, or -1 with the reason in err. */
int url_access_check(const struct table_config *config, struct error *err);

/* Certificates that need no check, because they were good before; either may be NULL. */
struct url_access_known {
    const struct http *http;         /* its sites use them */
    const struct url_access *access; /* it has them */
};

/* Reads the files. Returns 0, or -1 with the reason in err; access must be closed in both cases.
 * Without known->http it may be called from any thread. */
int url_access_open(struct url_access *access, const struct auth_config *auth,
                    const struct tls_config *tls, const struct url_access_known *known,
                    struct error *err);
void url_access_close(struct url_access *access);

bool url_access_equal(const struct url_access *a, const struct url_access *b);
/* Logs secrets that other users can read. They are used nevertheless. */
void url_access_log_exposed(const struct url_access *access, const struct auth_config *auth,
                            const struct tls_config *tls, const char *table, struct log *log);

struct http_tls url_access_tls(const struct url_access *access); /* borrowed */

#endif
