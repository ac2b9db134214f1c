/* dns_settings.h - the settings of a dns table, besides those of every table. */
#ifndef PODOP_TABLE_DNS_DNS_SETTINGS_H
#define PODOP_TABLE_DNS_DNS_SETTINGS_H

#include "config/schema.h"

struct dns_settings {
    struct string_list servers; /* "ADDRESS:PORT", checked; empty: the system's */
    bool best;                  /* only an MX record of the lowest preference counts */
    bool implicit;              /* addresses count for a domain without MX records */
};

extern const struct setting_group dns_settings; /* of struct dns_settings */

#endif
