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
     .default_note = "the system's", .doc = "addresses of the name servers"},
    {"best", SETTING_BOOL, FIELD(best), .default_text = "false",
     .doc = "whether only the MX records with the lowest preference number count"},
    {"implicit", SETTING_BOOL, FIELD(implicit), .default_text = "false",
     .doc = "whether a domain without MX records counts as its own mail host"},
};
const struct setting_group dns_settings = {.name = "tables", SETTINGS_OF(settings)};
