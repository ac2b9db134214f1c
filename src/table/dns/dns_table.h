/* dns_table.h - tables that recognise domains by their DNS records: a domain is found if its MX
 * records name one of our mail hosts. */
#ifndef PODOP_TABLE_DNS_DNS_TABLE_H
#define PODOP_TABLE_DNS_DNS_TABLE_H

#include "table/table_type.h"

enum { MAIL_HOSTS_MAX = 100 };

extern const struct table_ops table_dns;

#endif
