/* url_table.c - tables behind an HTTP service: a key becomes a URL, an answer becomes a reply. */
#include "url_table.h"
#include "table/json_reply.h"

#include "podop/clock.h"
#include "podop/json_value.h"
#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { REFUSALS_EXPLAINED_MAX = 3 };

struct url_fetch {
    struct fetch base;
    struct http_call *call;
    struct url_route route;
    struct url_turn turn;
    uint64_t attempt_until_ms; /* at this URL, its retries included */
    bool is_late;              /* most of its time went by before its turn came */
    uint32_t retries_left;
    bool is_retry;
    bool has_arrived;  /* it may have, where no answer came: then it takes new connections alone */
    unsigned requests; /* in all */
    unsigned http_status; /* of the last call; 0: it had no answer */
    char *target;
    uint64_t asked_at_ms; /* 0: nobody wants to know */
};

static struct url_fetch *url_fetch_of(struct fetch *fetch)
{
    return CONTAINER_OF(fetch, struct url_fetch, base);
}

static void url_table_deinit(struct table *table)
{
    struct url_table *t = url_table_of(table);

    url_backends_close(&t->backends);
    url_access_close(&t->access);
    free(t->select);
}

static int url_table_check_param(const struct table_config *config, const char *param,
                                 struct error *err)
{
    return url_backends_check(param, err) == -1
               ? -1
               : url_access_check(url_settings_of(config), param, err);
}

static int url_table_init(struct table *table, const struct table_config *config, struct error *err)
{
    const struct url_settings *settings = url_settings_of(config);
    const struct table_env *env = &table->env;
    struct url_table *t = url_table_of(table);

    t->select = settings->select == NULL ? NULL : xstrdup(settings->select);
    t->miss = settings->miss;
    t->temporary = settings->temporary;
    t->keep_slash = settings->encode == ENCODE_PATH;
    t->retries = settings->retries;
    t->turns.loop = env->loop;
    t->value = settings->value;
    t->has_certificate = settings->tls.cert_file != NULL;
    t->shows_itself =
        t->has_certificate || settings->auth.type != AUTH_NONE || settings->headers.count > 0;
    if (url_access_open(&t->access, config, env->http, env->log, err) == -1 ||
        url_backends_open(&t->backends, table, &t->access, config, env->http, err) == -1)
        return -1;
    secret_free(&t->access.authorization); /* the sites have it */
    t->identity = url_identity_choose(&t->backends);
    return 0;
}

static void url_table_inherit(struct table *next, struct table *previous)
{
    url_backends_inherit(&url_table_of(next)->backends, &url_table_of(previous)->backends);
}

enum url_target url_table_target(const struct url_table *t, const struct url_backend *backend,
                                 const struct table_key *key, char **target)
{
    struct buf text;
    enum url_target result;

    buf_init(&text, TARGET_BYTES_MAX);
    result = url_template_expand(backend->template, key, t->keep_slash, &text);
    *target = NULL;
    if (result != URL_TARGET_OK) {
        buf_deinit(&text);
        return result;
    }
    text.max++; /* for the NUL */
    buf_add_char(&text, '\0');
    *target = text.ptr;
    return URL_TARGET_OK;
}

const char *url_table_user_header(const struct table_key *key, struct buf *text)
{
    buf_init(text, SIZE_MAX);
    if (!key->is_private)
        return NULL;
    buf_add(text, SPAN("Podop-User: "));
    for (size_t i = 0; i < key->user.len; i++) {
        struct span byte = {key->user.ptr + i, 1};

        if (*byte.ptr > ' ' && *byte.ptr < 0x7f && *byte.ptr != '%')
            buf_add(text, byte);
        else
            buf_add_percent(text, byte, false);
    }
    return buf_string(text);
}

bool url_table_is_nowhere(const struct url_table *t, const struct url_route *route,
                          const struct table_key *key)
{
    char *target = NULL;
    bool is_climbing = route->at == 0 || url_table_target(t, &t->backends.items[0], key, &target) ==
                                             URL_TARGET_CLIMBS;

    free(target);
    return is_climbing;
}

static bool is_slow(const struct url_table *t, struct url_route *route)
{
    return t->turns.slow_count > 0 && url_turns_is_slow(&t->turns, url_route_hash(route));
}

bool url_table_take_turn(struct url_table *t, struct url_turn *turn, struct url_route *route)
{
    const uint32_t max_connections = http_max_connections(t->base.env.http);

    return (!is_slow(t, route) && url_turn_take(&t->turns, turn, max_connections)) ||
           url_turn_take_of(&t->turns, turn, url_route_hash(route), max_connections);
}

bool url_table_is_late(struct table *table, uint64_t deadline_at_ms)
{
    return table_now_ms(table) + table->timeout_ms / 2 > deadline_at_ms;
}

void url_table_worked(struct url_table *t, struct url_route *route)
{
    if (t->turns.slow_count > 0)
        url_turns_remove_slow(&t->turns, url_route_hash(route));
    url_route_success(route);
}

void url_table_unanswered(struct url_table *t, struct url_route *route,
                          const struct http_answer *answer, bool is_late, const char *why)
{
    struct http_answer judged = *answer;

    judged.is_own_fault |= is_late && answer->outcome == HTTP_TIMED_OUT;
    if (judged.may_have_arrived && !judged.is_own_fault)
        url_turns_add_slow(&t->turns, url_route_hash(route));
    url_route_no_response(route, &judged, why);
}

static void finish(struct url_fetch *f, const struct reply *reply)
{
    struct reply told = *reply;

    told.http_status = f->http_status;
    url_route_close(&f->route); /* where nothing was told of it, nothing was learnt */
    url_turn_end(&url_table_of(f->base.table)->turns, &f->turn);
    free(f->target);
    f->target = NULL;
    fetch_finish(&f->base, &told);
}

static void fail(struct url_fetch *f, enum reply_status status, const char *why)
{
    char text[TABLE_REASON_BYTES];

    url_route_give_up(&f->route);
    finish(f, &(struct reply){.status = status,
                              .reason = table_reason(f->base.table, text, "%s", why)});
}

/* It lives, but its answer is of no use. The others are for when it is down. */
static void fail_of_answer(struct url_fetch *f, const char *why)
{
    url_route_bad_response(&f->route, why);
    fail(f, REPLY_TEMPORARY, why);
}

static void succeed(struct url_fetch *f, const struct reply *reply)
{
    url_table_worked(url_table_of(f->base.table), &f->route);
    finish(f, reply);
}

static void answer_any_value(struct url_fetch *f, struct span body)
{
    const struct url_table *t = url_table_of(f->base.table);
    struct reply reply = {.status = REPLY_MISS};
    struct error err = {0};
    struct buf scratch;
    char why[sizeof(err.text) + 40];

    if (json_check(body, &err) == -1) {
        snprintf(why, sizeof(why), "the answer is no JSON: %s", err.text);
        fail_of_answer(f, why);
        return;
    }
    buf_init(&scratch, SIZE_MAX);
    if (t->select == NULL || json_select(&body, span_of(t->select)))
        json_reply(body, &scratch, &reply);
    succeed(f, &reply);
    buf_deinit(&scratch);
}

static void answer_value(struct url_fetch *f, struct span body)
{
    struct reply reply;

    if (url_table_of(f->base.table)->select == NULL && json_reply_plain(body, &reply))
        succeed(f, &reply);
    else
        answer_any_value(f, body);
}

static void answer_status(struct url_fetch *f, const struct http_answer *answer)
{
    struct url_table *t = url_table_of(f->base.table);
    char why[80];

    if (answer->status == 200) {
        answer_value(f, answer->body);
        return;
    }
    url_table_tell_status(t, answer->status, true);
    if (url_table_is_miss(t, answer->status)) {
        succeed(f, &(struct reply){.status = REPLY_MISS});
    } else {
        snprintf(why, sizeof(why), "the backend answered with status %u", answer->status);
        fail_of_answer(f, why);
    }
}

static void on_answer(void *arg, const struct http_answer *answer);

static bool is_wanted(void *arg)
{
    const struct url_fetch *f = arg;

    return url_route_may_ask(&f->route);
}

/* A URL that refuses is asked very often: the first rounds tell it all. */
static bool is_explained(const struct url_fetch *f)
{
    return f->base.notes != NULL &&
           f->requests <= REFUSALS_EXPLAINED_MAX * url_table_of(f->base.table)->backends.count;
}

static void explain_request(struct url_fetch *f)
{
    if (!is_explained(f))
        return;
    f->asked_at_ms = clock_now_ms();
    fetch_format(&f->base, "url", "%s%s", url_template_base(url_route_backend(&f->route)->template),
                 f->target);
}

static void send(struct url_fetch *f)
{
    struct buf user;
    const struct http_request request = {
        .target = f->target,
        .deadline_at_ms = f->attempt_until_ms,
        .headers = {url_table_user_header(&f->base.key, &user)},
        .is_fresh = f->is_retry || f->has_arrived || f->route.trial != BREAKER_NO_TRIAL,
        .is_wanted = is_wanted,
        .excerpt_max = f->base.notes == NULL ? 0 : EXPLAIN_BODY_BYTES_MAX,
    };

    f->requests++;
    explain_request(f);
    url_route_asked(&f->route);
    f->call = http_start(url_route_backend(&f->route)->site, &request, on_answer, f);
    buf_deinit(&user);
}

static void go_on(struct url_fetch *f, enum reply_status status, const char *why);
static void go_elsewhere(struct url_fetch *f);

static void on_turn(void *arg, bool is_late)
{
    struct url_fetch *f = arg;

    f->attempt_until_ms = url_route_share(&f->route, f->base.deadline_at_ms);
    f->is_late = url_table_is_late(f->base.table, f->base.deadline_at_ms);
    if (is_late)
        fail(f, REPLY_TIMEOUT, URL_KEY_CROWDED);
    else if (url_route_may_ask(&f->route))
        send(f);
    else
        go_elsewhere(f);
}

static void wait_for_turn(struct url_fetch *f)
{
    fetch_note(&f->base, "wait", SPAN("many requests for this key are under way"));
    url_turn_wait(&url_table_of(f->base.table)->turns, &f->turn, f->base.deadline_at_ms, on_turn,
                  f);
}

/* Sends it, unless so many of its key are under way that it has to wait. */
static void attempt(struct url_fetch *f)
{
    if (f->turn.is_taken || url_table_take_turn(url_table_of(f->base.table), &f->turn, &f->route))
        send(f);
    else
        wait_for_turn(f);
}

/* Asks the URL that the route has come to. */
static void ask(struct url_fetch *f)
{
    struct url_table *t = url_table_of(f->base.table);

    f->is_retry = false;
    f->attempt_until_ms = url_route_share(&f->route, f->base.deadline_at_ms);
    free(f->target);
    switch (url_table_target(t, url_route_backend(&f->route), &f->base.key, &f->target)) {
    case URL_TARGET_OK: attempt(f); return;
    case URL_TARGET_CLIMBS:
        fetch_note(&f->base, "url", SPAN("none: the key would leave the path of the template"));
        if (url_table_is_nowhere(t, &f->route, &f->base.key)) {
            finish(f, &(struct reply){.status = REPLY_MISS});
        } else {
            url_route_skip(&f->route);
            go_on(f, REPLY_TEMPORARY, URL_NO_PLACE);
        }
        return;
    case URL_TARGET_LONG: fail(f, REPLY_PERMANENT, "the key is too long for a URL"); return;
    }
}

static void on_waited(void *arg)
{
    struct url_fetch *f = arg;

    go_on(f, REPLY_TEMPORARY, url_route_reason(&f->route));
}

/* The URL that was asked failed, or none may be asked. The next one is asked with what is left of
 * the time. Who was refused everywhere is not refused for long, but a stale answer is good enough
 * not to wait for that. */
static void go_on(struct url_fetch *f, enum reply_status status, const char *why)
{
    if (table_now_ms(f->base.table) < f->base.deadline_at_ms && url_route_take(&f->route)) {
        ask(f);
        return;
    }
    if (fetch_has_stale(&f->base) ||
        !url_route_wait(&f->route, f->base.deadline_at_ms, on_waited, f))
        fail(f, status, why);
}

static void go_on_suspended(struct url_fetch *f)
{
    char text[URL_SUSPENDED_BYTES];

    go_on(f, REPLY_TEMPORARY, url_route_suspended(&f->route, text));
}

/* To the first URL, or to another when its turn in the queue came and it may not be asked any
 * more. */
static void go_elsewhere(struct url_fetch *f)
{
    if (url_route_take(&f->route))
        ask(f);
    else
        go_on_suspended(f);
}

static void unanswered(struct url_fetch *f, const struct http_answer *answer, const char *why)
{
    url_table_unanswered(url_table_of(f->base.table), &f->route, answer, f->is_late, why);
}

static void on_failed(struct url_fetch *f, const struct http_answer *answer)
{
    if (answer->was_resent && f->retries_left > 0)
        f->retries_left--;
    if (f->retries_left > 0 && !answer->is_own_fault && !answer->is_refused &&
        url_route_may_ask(&f->route)) {
        f->retries_left--;
        f->is_retry = true;
        attempt(f);
        return;
    }
    unanswered(f, answer, answer->reason);
    go_on(f, REPLY_TEMPORARY, answer->reason);
}

static void on_timed_out(struct url_fetch *f, const struct http_answer *answer)
{
    static const char all[] = "no answer within the table's timeout";
    static const char share[] = "no answer within this URL's share of the table's timeout";
    const char *why = f->attempt_until_ms == f->base.deadline_at_ms ? all : share;

    unanswered(f, answer, why);
    go_on(f, REPLY_TIMEOUT, why);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct url_fetch *f = arg;
    char why[80];

    f->call = NULL;
    f->has_arrived |= answer->may_have_arrived && answer->outcome != HTTP_ANSWERED;
    f->http_status = answer->status;
    if (is_explained(f))
        url_explain_answer(&f->base, answer, f->asked_at_ms);
    switch (answer->outcome) {
    case HTTP_ANSWERED:
        if (!url_table_is_failure(url_table_of(f->base.table), answer->status)) {
            answer_status(f, answer);
            return;
        }
        snprintf(why, sizeof(why), "the backend answered with status %u", answer->status);
        url_route_failure(&f->route, why);
        go_on(f, REPLY_TEMPORARY, why);
        return;
    case HTTP_TOO_LARGE: fail_of_answer(f, "the answer is larger than max_response"); return;
    case HTTP_TIMED_OUT: on_timed_out(f, answer); return;
    case HTTP_UNREAD: /* of streams only */
    case HTTP_CROWDED:
        url_route_no_response(&f->route, answer, URL_CROWDED);
        go_on(f, REPLY_TEMPORARY, URL_CROWDED);
        return;
    case HTTP_UNWANTED: go_elsewhere(f); return;
    case HTTP_FAILED: on_failed(f, answer); return;
    }
}

static void url_table_start(struct fetch *fetch)
{
    struct url_table *t = url_table_of(fetch->table);
    struct url_fetch *f = url_fetch_of(fetch);

    f->retries_left = t->retries;
    url_explain_backends(fetch, &t->backends);
    url_route_init(&f->route, &t->backends, &f->base.key, true);
    go_elsewhere(f);
}

static void url_table_cancel(struct fetch *fetch)
{
    struct url_fetch *f = url_fetch_of(fetch);

    http_cancel(&f->call);
    url_route_close(&f->route);
    url_turn_end(&url_table_of(fetch->table)->turns, &f->turn);
    free(f->target);
}

static void url_table_read_back(struct table *table, struct span value, struct buf *scratch,
                                struct reply *reply)
{
    struct error ignored;

    *reply = (struct reply){.status = REPLY_FOUND, .map_value = value, .dict_value = value};
    if (url_table_of(table)->value == VALUE_AUTO && json_check(value, &ignored) == 0)
        json_reply(value, scratch, reply);
}

const struct table_ops table_url = {
    .config =
        {
            .name = "url",
            .param_doc = "the template of the URL, or a list of them",
            .settings_bytes = sizeof(struct url_settings),
            .settings = &url_settings,
            .may_be_list = true,
            .can_write = true,
            .check_param = url_table_check_param,
            .doubt_param = url_template_doubt,
            .cross_check = url_cross_check,
            .cross_check_defaults = url_cross_check_defaults,
        },
    .size = sizeof(struct url_table),
    .fetch_bytes = sizeof(struct url_fetch),
    .init = url_table_init,
    .deinit = url_table_deinit,
    .inherit = url_table_inherit,
    .identify = url_table_identify,
    .is_plain = url_table_is_plain,
    .forgets_all = url_table_forgets_all,
    .add_stats = url_table_add_stats,
    .start = url_table_start,
    .cancel = url_table_cancel,
    .change_fault = url_table_change_fault,
    .commit_bytes = sizeof(struct url_commit),
    .commit = url_table_commit,
    .abort_commit = url_table_abort_commit,
    .read_back = url_table_read_back,
    .iteration_bytes = sizeof(struct url_iteration),
    .go_on = url_table_go_on,
    .stop = url_table_stop,
};
