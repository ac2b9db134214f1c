#include "program_set.h"

#include "program_ids.h"
#include "program_slow.h"

#include "podop/clock.h"
#include "podop/coprocess.h"
#include "podop/counters.h"
#include "podop/deferred.h"
#include "podop/hash.h"
#include "podop/json_object.h"
#include "podop/mem.h"
#include "podop/outage.h"
#include "podop/table_backend.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WAITING_MAX = 4096, /* requests under way in one process */
    OVERDUE_MAX = 1000, /* requests that one process has left without an answer */
    HANG_SLACK_MS = 20, /* added, so that the overdue request fails before its process is killed */
    START_MS = 30000,   /* how long, at least, a process may be silent before its first answer */
};

struct program_process {
    struct program_set *set;
    struct coprocess *coprocess;
    struct program_ids ids;
    /* id of a slow key's request that it may still work at; 0: none. Cleared by an answer to
     * this id or a later one */
    uint64_t busy_id;
    bool has_answered;        /* since it was started */
    uint64_t silent_since_ms; /* of service_now_ms() */
    struct deadline hang;
};

struct program_set {
    struct table *table;
    struct table_env env;
    const char *name; /* the table's */
    uint32_t timeout_ms;
    struct shell_words words;
    char *path;
    struct deferred starting; /* of the processes */
    struct outage outage;
    char last_death[500];
    struct hash_key hash_key;
    struct program_slow slow; /* keys */
    size_t count;
    struct program_process processes[];
};

static struct program_process *process_of(const struct program_id *id)
{
    return CONTAINER_OF(id->owner, struct program_process, ids);
}

static void stop_watching(struct program_process *p)
{
    deadline_stop(&p->hang);
}

static void watch_for(struct program_process *p, uint64_t ms)
{
    deadline_start_in(&p->hang, p->set->env.loop, ms + HANG_SLACK_MS);
}

/* How long the process may be silent while requests wait. Its start may take longer than an answer;
 * a process that is killed during a slow start would never finish one. */
static uint32_t patience_ms(const struct program_process *p)
{
    const uint32_t timeout_ms = p->set->timeout_ms;

    return p->has_answered || timeout_ms > START_MS ? timeout_ms : START_MS;
}

static void await_answer(struct program_id *id)
{
    struct program_process *p = process_of(id);

    /* While a request is overdue the watch runs already: a new request does not renew the time that
     * the process may be silent. */
    if (p->ids.awaited_count == 0 && !deadline_is_running(&p->hang)) {
        p->silent_since_ms = service_now_ms(p->set->env.loop);
        watch_for(p, patience_ms(p));
    }
    program_id_await(id);
}

static bool send_word(struct program_id *id, const char *word)
{
    struct program_process *p = process_of(id);
    struct buf line;
    bool is_queued;

    if (!coprocess_is_running(p->coprocess))
        return false;
    buf_init(&line, BUF_LIMITED_BY_INPUT);
    program_add_word(&line, id->number, p->set->name, word);
    is_queued = coprocess_send(p->coprocess, buf_span(&line));
    buf_deinit(&line);
    return is_queued;
}

/* Parts after the late one will not be asked for. */
static void on_timeout(void *arg)
{
    struct program_request *r = arg;
    struct program_process *p = process_of(r->id);
    struct table *table = table_ref(p->set->table); /* failed() may drop the last reference */

    if (p->busy_id == 0) { /* no slow key keeps it busy yet */
        p->busy_id = r->id->number;
        program_slow_add(&p->set->slow, r->key);
    }
    if (r->ops->has_parts)
        send_word(r->id, "stop"); /* only a hint, which is dropped if the queue is full */
    program_id_leave(r->id, ID_OVERDUE);
    r->ops->failed(r, PROGRAM_OVERDUE, SPAN("no answer within the table's timeout"));
    if (p->has_answered && p->ids.overdue_count > OVERDUE_MAX)
        coprocess_give_up(p->coprocess, "it left too many requests without an answer");
    table_unref(&table);
}

static void on_hang(void *arg)
{
    struct program_process *p = arg;
    uint64_t silent_ms = service_now_ms(p->set->env.loop) - p->silent_since_ms;
    char reason[100];

    if (silent_ms < patience_ms(p)) {
        watch_for(p, patience_ms(p) - silent_ms);
        return;
    }
    stop_watching(p);
    snprintf(reason, sizeof(reason), "it sent no answer for %u ms while requests waited",
             (unsigned)patience_ms(p));
    coprocess_give_up(p->coprocess, reason);
}

/* Returns whether a process that starts may get no more requests, because it reads the overdue ones
 * first. */
static bool is_starting_and_full(const struct program_process *p)
{
    return !p->has_answered && p->ids.overdue_count >= OVERDUE_MAX;
}

static bool may_ask(const struct program_process *p)
{
    return coprocess_is_running(p->coprocess) && !is_starting_and_full(p);
}

/* A process that is busy with a slow key may never answer another request. */
static bool is_better(const struct program_process *a, const struct program_process *b)
{
    if ((a->busy_id == 0) != (b->busy_id == 0))
        return a->busy_id == 0;
    return a->ids.awaited_count + a->ids.overdue_count <
           b->ids.awaited_count + b->ids.overdue_count;
}

static struct program_process *choose_among(struct program_set *s, size_t begin, size_t end)
{
    struct program_process *best = NULL;

    for (size_t i = begin; i < end; i++) {
        struct program_process *p = &s->processes[i];

        if (may_ask(p) && (best == NULL || is_better(p, best)))
            best = p;
    }
    return best;
}

/* A slow key goes to the last process, and only while another process is free for other keys. */
static struct program_process *choose(struct program_set *s, bool is_slow)
{
    const struct program_process *other;

    if (!is_slow || s->count == 1)
        return choose_among(s, 0, s->count);
    other = choose_among(s, 0, s->count - 1);
    return other == NULL || other->busy_id != 0 ? NULL : choose_among(s, s->count - 1, s->count);
}

uint64_t program_key(const struct program_set *s, const struct table_key *key)
{
    return (hash_span(&s->hash_key, key->key) ^
            (key->is_private ? ~hash_span(&s->hash_key, key->user) : 0)) |
           1;
}

bool program_ask(struct program_set *s, struct program_request *r, const char **reason)
{
    const bool is_slow = program_slow_has(&s->slow, r->key);
    struct program_process *p = choose(s, is_slow);
    uint64_t begins_at;
    struct buf line;
    bool is_queued;

    if (p == NULL) {
        *reason = is_slow                    ? "the program did not answer this key before"
                  : s->last_death[0] == '\0' ? "the program has not answered yet"
                                             : s->last_death;
        return false;
    }
    *reason = "too many requests wait for the program";
    if (p->ids.awaited_count >= WAITING_MAX)
        return false;
    *reason = "the program reads too slowly";
    begins_at = coprocess_queued(p->coprocess);
    buf_init(&line, BUF_LIMITED_BY_INPUT);
    r->ops->add(r, p->ids.last_number + 1, &line);
    is_queued = coprocess_send(p->coprocess, buf_span(&line));
    buf_deinit(&line);
    if (!is_queued)
        return false;
    r->id = program_id_new(&p->ids, r);
    r->id->begins_at = begins_at;
    if (is_slow && p->busy_id == 0)
        p->busy_id = r->id->number;
    deadline_init(&r->deadline, on_timeout, r);
    await_answer(r->id);
    return true;
}

long program_pid(const struct program_request *r)
{
    return r->id == NULL ? 0 : coprocess_pid(process_of(r->id)->coprocess);
}

void program_set_describe(const struct program_set *s, struct table_backend *to)
{
    *to = (struct table_backend){
        .name = span_of(s->path),
        .is_used = table_has_asked(s->table),
        .is_failing = outage_is_on(&s->outage),
        .since_ms = outage_lasts_ms(&s->outage, clock_now_ms()),
    };
}

void program_set_add_stats(const struct program_set *s, struct buf *out)
{
    json_add_name(out, "processes");
    buf_add_char(out, '[');
    for (size_t i = 0; i < s->count; i++) {
        const struct program_process *p = &s->processes[i];

        json_add_comma(out);
        buf_add_char(out, '{');
        json_add_number(out, "pid", (uint64_t)coprocess_pid(p->coprocess));
        json_add_flag(out, "running", coprocess_is_running(p->coprocess));
        json_add_number(out, "requests", p->ids.awaited_count);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

bool program_ask_more(struct program_request *r)
{
    if (r->id == NULL || !send_word(r->id, "more"))
        return false;
    await_answer(r->id);
    return true;
}

bool program_is_awaited(const struct program_request *r)
{
    return r->id != NULL && r->id->state == ID_AWAITED;
}

void program_abandon(struct program_request *r, const char *word)
{
    struct program_id *id = r->id;
    struct program_process *p;

    if (id == NULL)
        return;
    p = process_of(id);
    if (word != NULL)
        send_word(id, word); /* only a hint, which is dropped if the queue is full */
    program_id_leave(id, ID_ABANDONED);
    if (p->ids.awaited_count == 0)
        stop_watching(p);
}

static void hand_over(struct program_id *id, const struct program_answer *answer)
{
    struct program_request *r = id->request;
    struct table *table = table_ref(process_of(id)->set->table);

    program_slow_remove(&process_of(id)->set->slow, r->key);
    if (r->ops->has_parts && answer->status == PROGRAM_OK && answer->has_more)
        program_id_rest(id);
    else
        program_id_free(id);
    r->ops->answered(r, answer);
    table_unref(&table);
}

/* Notes that the process is alive. */
static void note_answer(struct program_process *p, uint64_t id)
{
    struct program_set *s = p->set;

    p->silent_since_ms = service_now_ms(s->env.loop);
    if (id >= p->busy_id)
        p->busy_id = 0;
    if (!p->has_answered) {
        p->has_answered = true;
        if (deadline_is_running(&p->hang)) /* from now on it has less time than at its start */
            watch_for(p, patience_ms(p));
    }
    outage_success(&s->outage, s->env.log, s->name, s->path, clock_now_ms());
}

static bool on_line(void *arg, struct span line, struct error *err)
{
    struct program_process *p = arg;
    struct program_answer answer;
    struct program_id *id;
    const unsigned awaited_before = p->ids.awaited_count;

    if (program_answer_parse(line, &answer, err) == -1)
        return false;
    id = program_id_find(&p->ids, answer.id);
    if (id == NULL ? answer.id > p->ids.ignore_up_to : id->state == ID_IDLE) {
        error_set(err, ERR_INPUT, "an answer to id %llu, which no request waits for",
                  (unsigned long long)answer.id);
        return false;
    }
    note_answer(p, answer.id);
    if (id == NULL)
        return true;
    if (awaited_before == (id->state == ID_AWAITED ? 1U : 0U)) /* nothing else is due */
        stop_watching(p);
    if (id->state == ID_AWAITED)
        hand_over(id, &answer); /* last: p may be freed when this returns */
    else
        program_id_free(id);
    return true;
}

/* Finds the request that may have killed the process, which is the oldest one. If it was sent
 * for the second time, its key becomes a slow key, which is sent to the last process only. */
static void note_slow_key(struct program_process *p)
{
    const struct program_id *oldest = NULL;

    LIST_FOR_EACH (at, &p->ids.open) {
        const struct program_id *id = CONTAINER_OF(at, struct program_id, node);

        if (oldest == NULL || id->number < oldest->number)
            oldest = id;
    }
    if (oldest != NULL && oldest->request->is_second)
        program_slow_add(&p->set->slow, oldest->request->key);
}

static void fail_or_ask_again(struct program_set *s, struct program_id *id)
{
    struct program_request *r = id->request;
    bool was_seen = coprocess_written(process_of(id)->coprocess) > id->begins_at;
    const char *ignored;

    program_id_free(id);
    if (r->ops->may_ask_again && !r->is_second) {
        r->is_second = true;
        if (program_ask(s, r, &ignored))
            return;
    }
    r->ops->failed(r, was_seen ? PROGRAM_DIED : PROGRAM_UNREAD, span_of(s->last_death));
}

static void log_death(struct program_set *s, struct span reason, struct span last_stderr)
{
    char text[500];

    snprintf(text, sizeof(text), "%.*s%s%.*s", (int)reason.len, reason.ptr,
             last_stderr.len == 0 ? "" : ", last line of stderr: ", (int)last_stderr.len,
             last_stderr.ptr);
    outage_failure(&s->outage, s->env.log, s->name, s->path, span_of(text), clock_now_ms());
}

static void on_died(void *arg, struct span reason, struct span last_stderr)
{
    struct program_process *p = arg;
    struct program_set *s = p->set;
    struct table *table = table_ref(s->table);
    struct list_node *node;

    snprintf(s->last_death, sizeof(s->last_death), "the program failed: %.*s", (int)reason.len,
             reason.ptr);
    log_death(s, reason, last_stderr);
    stop_watching(p);
    p->has_answered = false;
    p->busy_id = 0;
    program_ids_forget(&p->ids);
    note_slow_key(p);
    while ((node = list_first(&p->ids.open)) != NULL)
        fail_or_ask_again(s, CONTAINER_OF(node, struct program_id, node));
    program_ids_restart(&p->ids);
    table_unref(&table);
}

static void start_processes(void *arg)
{
    struct program_set *s = arg;

    for (size_t i = 0; i < s->count; i++)
        coprocess_start(s->processes[i].coprocess);
}

static void process_init(struct program_process *p, struct program_set *s,
                         const struct coprocess_config *config)
{
    static const struct coprocess_events events = {on_line, on_died};

    p->set = s;
    p->coprocess = coprocess_new(s->env.coprocesses, config, &events, p);
    program_ids_init(&p->ids, s->env.loop);
    deadline_init(&p->hang, on_hang, p);
}

struct program_set *program_set_new(struct table *table, const struct program_settings *settings,
                                    struct shell_words *words, char *path)
{
    struct program_set *s =
        xcalloc(1, sizeof(*s) + settings->processes * sizeof(struct program_process));
    const struct coprocess_config wanted = {
        .name = table->name,
        .path = path,
        .argv = words->items,
        .line_max = settings->max_response,
    };

    s->table = table;
    s->env = table->env;
    s->name = table->name;
    s->timeout_ms = table->timeout_ms;
    s->words = *words;
    s->path = path;
    snprintf(s->last_death, sizeof(s->last_death), "the program is not started yet");
    s->count = settings->processes;
    hash_key_init_random(&s->hash_key);
    for (size_t i = 0; i < s->count; i++)
        process_init(&s->processes[i], s, &wanted);
    deferred_init(&s->starting, s->env.loop, 0, start_processes, s);
    return s;
}

void program_set_start(struct program_set *s)
{
    deferred_start(&s->starting);
}

void program_set_free(struct program_set **ps)
{
    struct program_set *s = *ps;

    if (s == NULL)
        return;
    *ps = NULL;
    deferred_stop(&s->starting);
    for (size_t i = 0; i < s->count; i++) {
        struct program_process *p = &s->processes[i];

        program_ids_forget(&p->ids);
        stop_watching(p);
        coprocess_release(&p->coprocess);
    }
    shell_words_free(&s->words);
    free(s->path);
    free(s);
}
