/* dns_settings.h - what podop.conf may say of a dns table, besides what it may of every table. */
#ifndef PODOP_TABLE_DNS_DNS_SETTINGS_H
#define PODOP_TABLE_DNS_DNS_SETTINGS_H

#include "config/schema.h"

struct dns_settings {
    struct string_list servers; /* "ADDRESS:PORT", checked; empty: the system's */
    bool best;                  /* only an MX record of the lowest preference counts */
    bool implicit;              /* a domain without MX records is known by its addresses */
};

extern const struct setting_group dns_settings; /* of struct dns_settings */

#endif
