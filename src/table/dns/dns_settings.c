/* dns_settings.c - the schema of a dns table's settings. */
#include "dns_settings.h"

#include "podop/endpoint.h"

#define FIELD(member) SETTING_FIELD(dns_settings, member)

static const char *check_server(const char *text)
{
    struct endpoint ignored;

    return endpoint_parse(text, &ignored) ? NULL : "must be ADDRESS, ADDRESS:PORT or [IPV6]:PORT";
}

static const struct setting settings[] = {
    {"servers", SETTING_STRINGS, FIELD(servers), .check = check_server,
     .default_note = "the system's", .doc = "name servers to ask"},
    {"best", SETTING_BOOL, FIELD(best), .default_text = "false",
     .doc = "only an MX record of the lowest preference counts"},
    {"implicit", SETTING_BOOL, FIELD(implicit), .default_text = "false",
     .doc = "a domain without MX records is known by its addresses"},
};
const struct setting_group dns_settings = {.name = "tables", SETTINGS_OF(settings)};
