/* dns_explain.h - what `podopctl explain` shows of a lookup in a dns table. */
#ifndef PODOP_TABLE_DNS_DNS_EXPLAIN_H
#define PODOP_TABLE_DNS_DNS_EXPLAIN_H

#include "podop/resolver.h"

struct fetch;

/* Notes the answer to a question about name; nothing happens where nobody asked for notes. */
void dns_explain_answer(const struct fetch *fetch, enum dns_type type, const char *name,
                        const struct resolver_answer *answer);

#endif
