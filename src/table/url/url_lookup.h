/* url_lookup.h - lookups at an HTTP service: a key becomes a URL, an answer becomes a reply. */
#ifndef PODOP_TABLE_URL_URL_LOOKUP_H
#define PODOP_TABLE_URL_URL_LOOKUP_H

#include "table/fetch.h"
#include "url_attempt.h"

struct url_fetch {
    struct fetch base;
    struct url_attempt attempt;
    unsigned requests;
    uint64_t asked_at_ms; /* of an explanation, on clock_now_ms() */
};

/* Slots of struct table_ops; the fetch is a struct url_fetch. */
void url_lookup_start(struct fetch *fetch);
void url_lookup_cancel(struct fetch *fetch);

#endif
