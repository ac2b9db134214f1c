/* url_sites.h - where the URLs of a table lead, with credentials and TLS. When the credentials
 * change, new sites are opened, and requests under way end at the old ones. */
#ifndef PODOP_TABLE_URL_URL_SITES_H
#define PODOP_TABLE_URL_URL_SITES_H

#include "url_access.h"

/* The settings that sites are opened with, copied: a table may need them after its configuration
 * was replaced. Nothing changes in it, so any thread may read it; references are for the loop. */
struct url_site_plan {
    unsigned refs;
    char *table; /* its name */
    struct auth_config auth;
    struct tls_config tls;
    char *unix_socket;
    struct string_list headers;
    uint32_t connect_timeout_ms;
    size_t max_response;
};

struct url_site_plan *url_site_plan_new(const struct table_config *config);
struct url_site_plan *url_site_plan_ref(struct url_site_plan *plan);
void url_site_plan_unref(struct url_site_plan **plan); /* *plan becomes NULL; NULL is fine */
/* Returns whether the plan names a file with credentials or certificates. */
bool url_site_plan_has_files(const struct url_site_plan *plan);

/* The sites of all URLs. Reference-counted, in the loop only. */
struct url_sites {
    unsigned refs;
    struct url_access access; /* borrowed by the sites */
    size_t count;
    struct http_site *items[];
};

/* Opens a site for each of count bases, "http://host:port". *access is taken and zeroed, also when
 * this fails. Returns NULL with the reason in err. */
struct url_sites *url_sites_open(const struct url_site_plan *plan, const char *const *bases,
                                 size_t count, struct url_access *access, struct http *http,
                                 struct error *err);
struct url_sites *url_sites_ref(struct url_sites *sites);
void url_sites_unref(struct url_sites **sites); /* *sites becomes NULL; a NULL *sites is fine */

#endif
