/* url_attempt.h - one request of a lookup, an iteration or a write, until a URL has answered it or
 * none can: which URL is asked next, the HTTP call, the time that each URL gets, retries, waits,
 * and what each outcome means for the URL.
 *
 *   start -> a URL is chosen -> (wait for a permit of the key) -> send -> the call ends
 *                 ^   ^                                                       |
 *                 |   +---- the next URL, or the same one again --------------+-> answered, missed
 *                 +-------- a moment later: connections were refused ---------+-> failed
 *
 * The differences between the three kinds of request are data: a constant url_attempt_kind. */
#ifndef PODOP_TABLE_URL_URL_ATTEMPT_H
#define PODOP_TABLE_URL_URL_ATTEMPT_H

#include "url_base.h"
#include "url_key_limit.h"
#include "url_route.h"

#include "podop/http.h"

struct url_attempt;

/* Every start ends with exactly one call of answered, missed or failed, which may happen before
 * url_attempt_start() returns. These three may close the attempt, free its memory or start it
 * again; the other hooks must not. */
struct url_attempt_kind {
    bool is_lookup; /* it may try a suspended URL before others are asked: url_route.h */
    /* The backend may receive the request more than once, so the request is sent again after a
     * status of failure or no answer. false: it is a write. */
    bool is_repeatable;
    bool is_key_limited;     /* by url_key_limit.h */
    const char *status_text; /* how the reason of a bad status begins */
    const char *too_large;   /* the reason when max_response was exceeded */
    const char *timed_out;   /* the reason of a timeout; NULL: it depends on the URL's share */

    /* Builds the request for url_attempt_backend() and ends with one call of url_attempt_send(),
     * url_attempt_skip() or url_attempt_fail(). */
    void (*send)(struct url_attempt *a);
    /* Finds the target at one of the URLs, as url_request_target() does. NULL for a write. */
    enum url_target (*find_target)(struct url_attempt *a, const struct url_backend *backend,
                                   char **target);
    /* A whole answer came. Its status is 200, or any for a request that is not repeatable. The
     * callee reports what the answer says about the URL: url_attempt_success() and so on. */
    void (*answered)(struct url_attempt *a, const struct http_answer *answer);
    /* The backend has nothing there. NULL when the request is not repeatable. */
    void (*missed)(struct url_attempt *a);
    void (*failed)(struct url_attempt *a, enum reply_status status, const char *why);

    /* Each of the rest may be NULL. */
    /* Whether another request may be sent, to the same URL or the next one. NULL: yes. */
    bool (*may_ask_again)(struct url_attempt *a);
    /* Whether the request may wait for URLs that refuse connections. NULL: yes. */
    bool (*may_wait)(struct url_attempt *a);
    /* Whether suspended URLs are asked when no other is left. NULL: no. */
    bool (*ignores_suspension)(struct url_attempt *a);
    /* The request waits for a permit of its key. */
    void (*queued)(struct url_attempt *a);
    /* A call has ended, and what that means is not decided yet. */
    void (*call_ended)(struct url_attempt *a, const struct http_answer *answer);
    /* Of a stream, as in struct http_request; their argument is the attempt. */
    http_data_fn *data;
    http_wanted_fn *is_unread;
};

/* Zero it, then call url_attempt_init(). */
struct url_attempt {
    const struct url_attempt_kind *kind;
    struct url_table *table;
    struct url_route route;
    struct url_key_permit permit;
    struct http_call *call;  /* NULL: none is under way */
    struct url_sites *sites; /* those of the last call, a reference; NULL: there was none */
    struct url_hold *hold;   /* of the end of the last call; NULL: it is not held */
    uint64_t deadline_at_ms; /* of the whole attempt, on the service clock */
    uint64_t asked_until_ms; /* of the URL that is asked, its retries included */
    uint32_t retries_left;
    unsigned http_status; /* of the last call; 0: it had no answer */
    bool is_late; /* most of its time had passed when it got a permit; also of an earlier start */
    bool is_retry;
    bool was_held;         /* once for each start */
    bool may_have_arrived; /* a call had no answer: the next ones use new connections */
};

void url_attempt_init(struct url_attempt *a, const struct url_attempt_kind *kind,
                      struct url_table *table, uint64_t deadline_at_ms);
/* Asks the chosen URL again if that is allowed, or else chooses one. key is borrowed until
 * url_attempt_close() or the next start. */
void url_attempt_start(struct url_attempt *a, const struct table_key *key);
/* Cancels the attempt. None of the hooks is called any more. May be called any number of times. */
void url_attempt_close(struct url_attempt *a);

static inline const struct url_backend *url_attempt_backend(const struct url_attempt *a)
{
    return url_route_backend(&a->route);
}

/* For kind->send. */

/* Sends request to the chosen URL. The deadline, the hooks and is_fresh are filled in here. */
void url_attempt_send(struct url_attempt *a, struct http_request *request);
/* Skips the chosen URL, where the key has no target. If it has none at the first URL, either, the
 * attempt ends in missed(); otherwise the next URL is asked. */
void url_attempt_skip(struct url_attempt *a);

/* For kind->answered: what the answer says about the URL. */

void url_attempt_success(struct url_attempt *a);
void url_attempt_failure(struct url_attempt *a, const char *why);
void url_attempt_bad_response(struct url_attempt *a, const char *why);
/* Reports a failure of the backend itself, and asks the next URL, or ends in failed(). */
void url_attempt_fail_over(struct url_attempt *a, const char *why);
/* Reports an answer that cannot be used, and ends in failed(). */
void url_attempt_fail_bad(struct url_attempt *a, enum reply_status status, const char *why);
/* Ends the attempt in failed(). */
void url_attempt_fail(struct url_attempt *a, enum reply_status status, const char *why);
/* Counts the failures of other URLs in this round, when the caller fails a stream that has
 * begun. */
void url_attempt_give_up(struct url_attempt *a);

#endif
