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
};

/* Checks config without its files. Returns 0, or -1 with the reason in err. */
int url_access_check(const struct table_config *config, struct error *err);

/* Reads the files. Returns 0, or -1 with the reason in err; access must be closed in both cases. */
int url_access_open(struct url_access *access, const struct table_config *config,
                    const struct http *http, struct log *log, struct error *err);
void url_access_close(struct url_access *access);

struct http_tls url_access_tls(const struct url_access *access); /* borrowed */

#endif
