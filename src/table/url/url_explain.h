/* url_explain.h - what an administrator can see of a url table: how the answer of one lookup came
 * about, and how the URLs have been doing. */
#ifndef PODOP_TABLE_URL_URL_EXPLAIN_H
#define PODOP_TABLE_URL_URL_EXPLAIN_H

#include "url_base.h"

#include "podop/http.h"

enum { URL_EXPLAIN_BODY_BYTES_MAX = 4096 }; /* of each answer that is shown */

/* Add notes about the URLs, and about an answer. Do nothing unless the lookup is explained.
 * asked_at_ms is on clock_now_ms(). */
void url_explain_backends(const struct fetch *fetch, const struct url_backends *b);
void url_explain_answer(const struct fetch *fetch, const struct url_statuses *statuses,
                        const struct http_answer *answer, uint64_t asked_at_ms);

/* Add the places of requests to the JSON object of the table's counters, and log them. Slots of
 * struct table_ops. */
void url_explain_add_stats(struct table *table, struct buf *out);
void url_explain_log_stats(struct table *table, struct log *log);

#endif
