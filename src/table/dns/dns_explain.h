/* dns_explain.h - what `podopctl explain` shows about a lookup in a dns table. */
#ifndef PODOP_TABLE_DNS_DNS_EXPLAIN_H
#define PODOP_TABLE_DNS_DNS_EXPLAIN_H

#include "podop/resolver.h"

struct fetch;

/* Adds a note with the answer to a query for name. Does nothing unless the lookup is explained. */
void dns_explain_answer(const struct fetch *fetch, enum dns_type type, const char *name,
                        const struct resolver_answer *answer);

#endif
