/* url_base.h - what the lookups, writes and iterations of a url table share. */
#ifndef PODOP_TABLE_URL_URL_BASE_H
#define PODOP_TABLE_URL_URL_BASE_H

#include "table/table_type.h"
#include "url_backend.h"
#include "url_key_limit.h"
#include "url_renewal.h"
#include "url_status.h"

#include "podop/mem.h"

/* What distinguishes one key from another: its URL, or the body of its lookup. */
enum url_identity {
    URL_IDENTITY_PLAIN, /* KEY, or KEY/USER of a private key, distinguishes as well as a URL */
    URL_IDENTITY_FIRST, /* the first URL: the others distinguish the same keys */
    URL_IDENTITY_ALL,   /* all URLs together */
    URL_IDENTITY_BODY,  /* the body of a lookup: user and key apart */
};

struct url_table {
    struct table base;
    struct url_backends backends;
    struct url_renewal *renewal; /* of the sites of backends; NULL: they have no files */
    struct url_statuses statuses;
    struct url_key_limit key_limit; /* of its lookups and writes */
    enum url_identity identity;
    enum value_form value;
    char *select; /* NULL: the whole answer is the value */
    char *error;  /* where a body tells of a failure; NULL: nowhere */
    bool keep_slash;
    bool is_post; /* lookups and iterations are POSTs with the key in the body */
    uint32_t retries;
};

static inline struct url_table *url_table_of(struct table *table)
{
    return CONTAINER_OF(table, struct url_table, base);
}

#endif
