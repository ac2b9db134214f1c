#include "url_attempt.h"

#include "url_hold.h"
#include "url_outcome.h"
#include "url_request.h"

#include <stdio.h>
#include <stdlib.h>

static const char no_confirmation[] = "the backend did not confirm a write";

static void ask(struct url_attempt *a);

static uint64_t now_ms(const struct url_attempt *a)
{
    return table_now_ms(&a->table->base);
}

static bool may_ask_again(struct url_attempt *a)
{
    return a->kind->may_ask_again == NULL || a->kind->may_ask_again(a);
}

void url_attempt_give_up(struct url_attempt *a)
{
    url_outcome_give_up(&a->route);
}

void url_attempt_fail(struct url_attempt *a, enum reply_status status, const char *why)
{
    url_attempt_give_up(a);
    a->kind->failed(a, status, why);
}

/* The choice of a URL */

static bool take_url(struct url_attempt *a)
{
    if (a->kind->ignores_suspension != NULL)
        a->route.ignores_suspension = a->kind->ignores_suspension(a);
    return url_route_take(&a->route);
}

static void ask_next(struct url_attempt *a, enum reply_status status, const char *why);

static void on_waited(void *arg)
{
    struct url_attempt *a = arg;

    ask_next(a, REPLY_TEMPORARY, url_outcome_reason(&a->route));
}

/* Waits for the next round when every URL refused the connection. */
static bool wait_for_round(struct url_attempt *a)
{
    return (a->kind->may_wait == NULL || a->kind->may_wait(a)) &&
           url_route_wait(&a->route, a->deadline_at_ms, on_waited, a);
}

/* The URL that was asked failed, or none may be asked: asks the next one with the time that is
 * left, waits for the next round, or fails with status and why. */
static void ask_next(struct url_attempt *a, enum reply_status status, const char *why)
{
    if (may_ask_again(a)) {
        if (now_ms(a) < a->deadline_at_ms && take_url(a)) {
            ask(a);
            return;
        }
        if (wait_for_round(a))
            return;
    }
    url_attempt_fail(a, status, why);
}

/* Asks any URL that may be asked: at the start, and when the chosen URL was suspended before the
 * request was sent. */
static void ask_any(struct url_attempt *a)
{
    char text[URL_SUSPENDED_BYTES];

    if (take_url(a))
        ask(a);
    else
        ask_next(a, REPLY_TEMPORARY, url_outcome_suspended(&a->route, text));
}

/* Permits */

static bool acquire(struct url_attempt *a)
{
    struct url_key_limit *limit = &a->table->key_limit;
    const uint32_t max_connections = http_max_connections(a->table->base.env.http);
    const bool is_slow =
        limit->slow_count > 0 && url_key_limit_is_slow(limit, url_route_hash(&a->route));

    return (!is_slow && url_key_limit_acquire(limit, &a->permit, max_connections)) ||
           url_key_limit_acquire_key(limit, &a->permit, url_route_hash(&a->route), max_connections);
}

static void start_time(struct url_attempt *a)
{
    a->asked_until_ms =
        a->kind->is_repeatable ? url_route_share(&a->route, a->deadline_at_ms) : a->deadline_at_ms;
}

static void on_permit(void *arg, bool has_expired)
{
    struct url_attempt *a = arg;

    a->is_late = now_ms(a) + a->table->base.timeout_ms / 2 > a->deadline_at_ms;
    start_time(a);
    if (has_expired)
        url_attempt_fail(a, REPLY_TIMEOUT, URL_KEY_LIMIT_REACHED);
    else if (url_route_may_ask(&a->route))
        a->kind->send(a);
    else
        ask_any(a);
}

static void wait_for_permit(struct url_attempt *a)
{
    if (a->kind->queued != NULL)
        a->kind->queued(a);
    url_key_limit_wait(&a->table->key_limit, &a->permit, a->deadline_at_ms, on_permit, a);
}

/* Asks the chosen URL. */
static void ask(struct url_attempt *a)
{
    a->is_retry = false;
    start_time(a);
    if (!a->kind->is_key_limited || a->permit.is_held || acquire(a))
        a->kind->send(a);
    else
        wait_for_permit(a);
}

/* What the end of a call says about the URL */

void url_attempt_success(struct url_attempt *a)
{
    struct url_key_limit *limit = &a->table->key_limit;

    if (a->kind->is_key_limited && limit->slow_count > 0)
        url_key_limit_remove_slow(limit, url_route_hash(&a->route));
    url_outcome_success(&a->route);
}

void url_attempt_failure(struct url_attempt *a, const char *why)
{
    url_outcome_failure(&a->route, why);
}

void url_attempt_bad_response(struct url_attempt *a, const char *why)
{
    url_outcome_bad_response(&a->route, why);
}

/* Reports that no whole answer came. A timeout says nothing about the URL when most of the time had
 * passed before the permit came. */
static void report_no_response(struct url_attempt *a, const struct http_answer *answer,
                               const char *why)
{
    struct http_answer judged = *answer;

    judged.is_local_failure |= a->is_late && answer->outcome == HTTP_TIMED_OUT;
    if (a->kind->is_key_limited && judged.may_have_arrived && !judged.is_local_failure)
        url_key_limit_add_slow(&a->table->key_limit, url_route_hash(&a->route));
    url_outcome_no_response(&a->route, &judged, why);
}

/* The end of a call */

void url_attempt_fail_over(struct url_attempt *a, const char *why)
{
    url_attempt_failure(a, why);
    ask_next(a, REPLY_TEMPORARY, why);
}

void url_attempt_fail_bad(struct url_attempt *a, enum reply_status status, const char *why)
{
    url_attempt_bad_response(a, why);
    url_attempt_fail(a, status, why);
}

static void no_response(struct url_attempt *a, const struct http_answer *answer,
                        enum reply_status status, const char *why)
{
    report_no_response(a, answer, why);
    ask_next(a, status, why);
}

static const char *timeout_reason(struct url_attempt *a)
{
    if (a->kind->timed_out != NULL)
        return a->kind->timed_out;
    return a->asked_until_ms == a->deadline_at_ms || !may_ask_again(a)
               ? "no answer within the table's timeout"
               : "no answer within this URL's share of the table's timeout";
}

static bool may_retry(struct url_attempt *a, const struct http_answer *answer)
{
    return a->kind->is_repeatable && a->retries_left > 0 && !answer->is_local_failure &&
           !answer->is_refused && may_ask_again(a) && url_route_may_ask(&a->route);
}

static void on_failed(struct url_attempt *a, const struct http_answer *answer)
{
    if (answer->was_resent && a->retries_left > 0)
        a->retries_left--;
    if (may_retry(a, answer)) {
        a->retries_left--;
        a->is_retry = true;
        a->kind->send(a);
        return;
    }
    no_response(a, answer, REPLY_TEMPORARY, answer->reason);
}

static void on_bad_status(struct url_attempt *a, const struct http_answer *answer)
{
    const struct url_statuses *statuses = &a->table->statuses;
    char why[URL_STATUS_REASON_BYTES];

    url_status_print_reason(statuses, answer, a->kind->status_text, why);
    if (url_status_is_failure(statuses, answer))
        url_attempt_fail_over(a, why);
    else
        url_attempt_fail_bad(a, REPLY_TEMPORARY, why);
}

static void on_status(struct url_attempt *a, const struct http_answer *answer)
{
    struct url_table *t = a->table;

    if (answer->status == 200 || !a->kind->is_repeatable) {
        a->kind->answered(a, answer);
        return;
    }
    url_status_log_odd(&t->statuses, answer, true, t->base.env.log, t->base.name);
    if (url_status_is_miss(&t->statuses, answer)) {
        url_attempt_success(a);
        a->kind->missed(a);
    } else {
        on_bad_status(a, answer);
    }
}

/* Ends after an answer whose body is wanted and cannot be read. It does not say whether a write was
 * made. */
static void on_unreadable(struct url_attempt *a, const char *why)
{
    url_attempt_fail_bad(a, a->kind->is_repeatable ? REPLY_TEMPORARY : REPLY_UNCERTAIN, why);
}

static void on_outcome(struct url_attempt *a, const struct http_answer *answer)
{
    switch (answer->outcome) {
    case HTTP_ANSWERED: on_status(a, answer); return;
    case HTTP_FAILED: on_failed(a, answer); return;
    case HTTP_TIMED_OUT: no_response(a, answer, REPLY_TIMEOUT, timeout_reason(a)); return;
    case HTTP_TOO_LARGE: on_unreadable(a, a->kind->too_large); return;
    case HTTP_ENCODED: on_unreadable(a, answer->reason); return;
    case HTTP_QUEUE_FULL: no_response(a, answer, REPLY_TEMPORARY, URL_QUEUE_FULL); return;
    case HTTP_UNREAD:
        url_attempt_fail(a, REPLY_TIMEOUT, "the client does not read its rows");
        return;
    case HTTP_UNWANTED: ask_any(a); return;
    }
}

/* Returns whether a whole answer came, or enough of one. */
static bool has_answer(const struct http_answer *answer)
{
    return answer->outcome == HTTP_ANSWERED || answer->outcome == HTTP_TOO_LARGE ||
           answer->outcome == HTTP_ENCODED;
}

/* Credentials and certificates that were replaced in their files */

/* Returns whether the credentials or certificates may be the cause of a failure. */
static bool doubts_files(const struct url_attempt *a, const struct http_answer *answer)
{
    const struct url_table *t = a->table;
    const struct tls_config *tls = &t->backends.plan->tls;

    if (answer->outcome == HTTP_FAILED)
        return (tls->ca_file != NULL || tls->cert_file != NULL) && !answer->is_refused &&
               !answer->is_local_failure;
    return answer->outcome == HTTP_ANSWERED && url_status_is_denial(&t->statuses, answer);
}

/* Sends the request again if there are other credentials than those that it was sent with. */
static bool send_renewed(struct url_attempt *a)
{
    if (a->sites == a->table->backends.sites || !url_route_may_ask(&a->route))
        return false;
    a->kind->send(a);
    return true;
}

static void on_held(void *arg, const struct http_answer *answer)
{
    struct url_attempt *a = arg;

    a->hold = NULL;
    if (!send_renewed(a))
        on_outcome(a, answer);
}

/* Returns whether the end of a call needs no answer now: the request is sent again, or waits until
 * the files were read again. A write is not sent again. */
static bool is_held(struct url_attempt *a, const struct http_answer *answer)
{
    struct url_renewal *renewal = a->table->renewal;

    if (renewal == NULL || a->was_held || !may_ask_again(a) || !doubts_files(a, answer))
        return false;
    if (!a->kind->is_repeatable) {
        url_renewal_look(renewal);
        return false;
    }
    a->was_held = true;
    if (!send_renewed(a))
        a->hold =
            url_hold_new(renewal, answer, a->table->base.env.loop, a->asked_until_ms, on_held, a);
    return true;
}

static void on_end(void *arg, const struct http_answer *answer)
{
    struct url_attempt *a = arg;
    const bool is_answered = has_answer(answer);

    a->call = NULL;
    url_outcome_ended(&a->route);
    if (answer->moved_to != NULL)
        url_outcome_moved(&a->route, answer->moved_to);
    a->may_have_arrived |= answer->may_have_arrived && !is_answered;
    a->http_status = answer->status;
    if (a->kind->call_ended != NULL)
        a->kind->call_ended(a, answer);
    if (is_held(a, answer))
        return;
    if (answer->may_have_arrived && !is_answered && !a->kind->is_repeatable) {
        report_no_response(a, answer, no_confirmation);
        url_attempt_fail(a, REPLY_UNCERTAIN, no_confirmation);
    } else {
        on_outcome(a, answer);
    }
}

/* Sending */

static bool is_wanted(void *arg)
{
    const struct url_attempt *a = arg;

    return url_route_may_ask(&a->route);
}

/* The sites of a call must stay until its end, which is known when the next call begins. */
static void take_sites(struct url_attempt *a)
{
    struct url_sites *sites = a->table->backends.sites;

    if (a->sites == sites)
        return;
    url_sites_unref(&a->sites);
    a->sites = url_sites_ref(sites);
}

void url_attempt_send(struct url_attempt *a, struct http_request *request)
{
    request->deadline_at_ms = a->asked_until_ms;
    request->is_fresh = a->is_retry || a->may_have_arrived || a->route.trial != BREAKER_NO_TRIAL;
    request->address = url_route_address(&a->route);
    request->is_wanted = is_wanted;
    request->data = a->kind->data;
    request->is_unread = a->kind->is_unread;
    url_outcome_asked(&a->route);
    take_sites(a);
    a->call = http_start(a->sites->items[url_backends_index(&a->table->backends, a->route.at)],
                         request, on_end, a);
}

/* Returns whether the key has no target at the first URL, so that no table has such a key. */
static bool is_nowhere(struct url_attempt *a)
{
    char *target = NULL;
    const bool is_nowhere =
        url_attempt_backend(a) == &a->table->backends.items[0] ||
        a->kind->find_target(a, &a->table->backends.items[0], &target) != URL_TARGET_OK;

    free(target);
    return is_nowhere;
}

void url_attempt_skip(struct url_attempt *a)
{
    if (is_nowhere(a)) {
        a->kind->missed(a);
        return;
    }
    url_outcome_skip(&a->route);
    ask_next(a, REPLY_TEMPORARY, URL_NO_PLACE);
}

/* Starting and closing */

void url_attempt_init(struct url_attempt *a, const struct url_attempt_kind *kind,
                      struct url_table *table, uint64_t deadline_at_ms)
{
    a->kind = kind;
    a->table = table;
    a->deadline_at_ms = deadline_at_ms;
    a->retries_left = table->retries;
    if (!kind->is_repeatable && table->backends.has_commit)
        url_route_init_commit(&a->route, &table->backends);
    else
        url_route_init(&a->route, &table->backends, kind->is_lookup);
    a->route.is_shared = kind->is_repeatable && table->backends.is_spread;
}

void url_attempt_start(struct url_attempt *a, const struct table_key *key)
{
    a->was_held = false;
    if (a->permit.is_held) /* of the request before */
        url_key_limit_release(&a->table->key_limit, &a->permit);
    url_route_set_key(&a->route, key);
    if (url_route_may_ask(&a->route))
        ask(a);
    else
        ask_any(a);
}

void url_attempt_close(struct url_attempt *a)
{
    if (a->call != NULL)
        url_outcome_ended(&a->route);
    http_cancel(&a->call);
    url_hold_free(&a->hold);
    url_sites_unref(&a->sites);
    url_route_close(&a->route);
    url_key_limit_release(&a->table->key_limit, &a->permit);
}
