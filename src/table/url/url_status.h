/* url_status.h - what the status of an HTTP answer means for a table. */
#ifndef PODOP_TABLE_URL_URL_STATUS_H
#define PODOP_TABLE_URL_URL_STATUS_H

#include "podop/http.h"
#include "podop/log.h"
#include "podop/rate_limit.h"
#include "podop/settings.h"

/* The rules of one table, and which unexpected statuses were logged. */
struct url_statuses {
    struct status_set miss, temporary; /* settings of the table, which override the rules */
    bool is_strict;                    /* 404 and 410 with a JSON body are the only misses of 4XX */
    bool sends_credentials; /* a token, a certificate or a header: a denial may be about these */
    bool has_certificate;   /* podop's own */
    uint64_t odd_count;
    struct rate_limit odd_log[100]; /* of each 4XX */
};

/* The functions below use the status and the content_type of an answer. */

/* Returns whether the answer says that the key does not exist. */
bool url_status_is_miss(const struct url_statuses *s, const struct http_answer *answer);
/* Returns whether the answer is a failure of the backend itself, so that another URL may answer
 * well. */
bool url_status_is_failure(const struct url_statuses *s, const struct http_answer *answer);
/* Returns whether 404 to a write says that the key does not exist. */
bool url_status_is_own_404(const struct url_statuses *s, const struct http_answer *answer);

/* Returns what a status other than 200 means for a lookup, and by which rule, for people. */
const char *url_status_meaning(const struct url_statuses *s, const struct http_answer *answer);
/* Writes the reason of a failure by an answer: begin, the status, and what else it depends on. */
enum { URL_STATUS_REASON_BYTES = 240 };
void url_status_print_reason(const struct url_statuses *s, const struct http_answer *answer,
                             const char *begin, char text[URL_STATUS_REASON_BYTES]);

/* Returns whether the status may be about podop's credentials, and is not a miss. */
bool url_status_is_denial(const struct url_statuses *s, const struct http_answer *answer);

/* Logs a status that the administrator most likely did not want, each at most once a minute: 401,
 * 403 and 407, and for a lookup any miss by a 4XX other than 404 and 410. */
void url_status_log_odd(struct url_statuses *s, const struct http_answer *answer, bool is_lookup,
                        struct log *log, const char *table);

#endif
