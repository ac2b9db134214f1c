#include "program_slow.h"
#include "program_ticket.h"

#include "podop/hash.h"

#include "podop/clock.h"
#include "podop/coprocess.h"
#include "podop/json_object.h"
#include "podop/mem.h"
#include "podop/outage.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WAITING_MAX = 4096, /* requests under way in one process */
    OVERDUE_MAX = 1000, /* requests that one process has left without an answer */
    HANG_SLACK_MS = 20, /* the request that is overdue is told so first */
    START_MS = 30000,   /* a process that did not answer yet may be silent for so long at least */
};

struct program_process {
    struct program_set *set;
    struct coprocess *coprocess;
    struct program_tickets tickets;
    uint64_t busy_id;         /* a slow key's, and nothing from there on was answered; 0: none */
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
    ev_prepare ready; /* never started, only fed */
    struct outage outage;
    char last_death[500];
    struct hash_key hash_key;
    struct program_slow slow; /* keys */
    size_t count;
    struct program_process processes[];
};

static struct program_process *process_of(const struct program_ticket *t)
{
    return CONTAINER_OF(t->owner, struct program_process, tickets);
}

static void stop_watching(struct program_process *p)
{
    deadline_stop(&p->hang);
}

static void watch_for(struct program_process *p, uint64_t ms)
{
    deadline_start_in(&p->hang, p->set->env.loop, ms + HANG_SLACK_MS);
}

/* Its start may take longer than an answer: killed for that, it would never come to its end. */
static uint32_t patience_ms(const struct program_process *p)
{
    const uint32_t timeout_ms = p->set->timeout_ms;

    return p->has_answered || timeout_ms > START_MS ? timeout_ms : START_MS;
}

static void await_answer(struct program_ticket *t)
{
    struct program_process *p = process_of(t);

    /* Who comes right behind one that is overdue does not make its silence any shorter. */
    if (p->tickets.awaited_count == 0 && !deadline_is_running(&p->hang)) {
        p->silent_since_ms = service_now_ms(p->set->env.loop);
        watch_for(p, patience_ms(p));
    }
    ticket_await(t);
}

static void on_timeout(void *arg)
{
    struct program_request *r = arg;
    struct program_process *p = process_of(r->ticket);
    struct table *table = table_ref(p->set->table); /* what is told may be the end of it */

    if (p->busy_id == 0) { /* it does not wait for another one */
        p->busy_id = r->ticket->id;
        program_slow_add(&p->set->slow, r->key);
    }
    ticket_leave(r->ticket, TICKET_OVERDUE);
    r->ops->failed(r, PROGRAM_OVERDUE, SPAN("no answer within the table's timeout"));
    if (p->has_answered && p->tickets.overdue_count > OVERDUE_MAX)
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
    snprintf(reason, sizeof(reason), "it said nothing for %u ms while requests waited",
             (unsigned)patience_ms(p));
    coprocess_give_up(p->coprocess, reason);
}

/* What is overdue there by now must all be read before anything new. */
static bool is_starting_and_full(const struct program_process *p)
{
    return !p->has_answered && p->tickets.overdue_count >= OVERDUE_MAX;
}

static bool may_ask(const struct program_process *p)
{
    return coprocess_is_running(p->coprocess) && !is_starting_and_full(p);
}

/* A process that is busy with a slow key may not come to anything else. */
static bool is_better(const struct program_process *a, const struct program_process *b)
{
    if ((a->busy_id == 0) != (b->busy_id == 0))
        return a->busy_id == 0;
    return a->tickets.awaited_count + a->tickets.overdue_count <
           b->tickets.awaited_count + b->tickets.overdue_count;
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

/* A slow key is asked of the last process, while another one is there for the other keys. */
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
    if (p->tickets.awaited_count >= WAITING_MAX)
        return false;
    *reason = "the program reads too slowly";
    begins_at = coprocess_queued(p->coprocess);
    buf_init(&line, SIZE_MAX);
    r->ops->add(r, p->tickets.last_id + 1, &line);
    is_queued = coprocess_send(p->coprocess, buf_span(&line));
    buf_deinit(&line);
    if (!is_queued)
        return false;
    r->ticket = ticket_new(&p->tickets, r);
    r->ticket->begins_at = begins_at;
    if (is_slow && p->busy_id == 0)
        p->busy_id = r->ticket->id;
    deadline_init(&r->deadline, on_timeout, r);
    await_answer(r->ticket);
    return true;
}

long program_pid(const struct program_request *r)
{
    return r->ticket == NULL ? 0 : coprocess_pid(process_of(r->ticket)->coprocess);
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
        json_add_number(out, "requests", p->tickets.awaited_count);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static bool send_word(struct program_ticket *t, const char *word)
{
    struct program_process *p = process_of(t);
    struct buf line;
    bool is_queued;

    if (!coprocess_is_running(p->coprocess))
        return false;
    buf_init(&line, SIZE_MAX);
    program_add_word(&line, t->id, p->set->name, word);
    is_queued = coprocess_send(p->coprocess, buf_span(&line));
    buf_deinit(&line);
    return is_queued;
}

bool program_ask_more(struct program_request *r)
{
    if (r->ticket == NULL || !send_word(r->ticket, "more"))
        return false;
    await_answer(r->ticket);
    return true;
}

bool program_is_awaited(const struct program_request *r)
{
    return r->ticket != NULL && r->ticket->state == TICKET_AWAITED;
}

void program_abandon(struct program_request *r, const char *word)
{
    struct program_ticket *t = r->ticket;
    struct program_process *p;

    if (t == NULL)
        return;
    p = process_of(t);
    if (word != NULL)
        send_word(t, word); /* a hint: where there is no room for it, it is left out */
    ticket_leave(t, TICKET_FORGIVEN);
    if (p->tickets.awaited_count == 0)
        stop_watching(p);
}

static void hand_over(struct program_ticket *t, const struct program_answer *answer)
{
    struct program_request *r = t->request;
    struct table *table = table_ref(process_of(t)->set->table);

    program_slow_remove(&process_of(t)->set->slow, r->key);
    if (r->ops->has_parts && answer->status == PROGRAM_OK && answer->has_more)
        ticket_rest(t);
    else
        ticket_free(t);
    r->ops->answered(r, answer);
    table_unref(&table);
}

static bool on_line(void *arg, struct span line, struct error *err)
{
    struct program_process *p = arg;
    struct program_set *s = p->set;
    struct program_answer answer;
    struct program_ticket *t;

    if (program_answer_parse(line, &answer, err) == -1)
        return false;
    t = ticket_find(&p->tickets, answer.id);
    if (t == NULL ? answer.id > p->tickets.let_pass_id : t->state == TICKET_IDLE) {
        error_set(err, ERR_INPUT, "an answer to %llu, which nobody waits for",
                  (unsigned long long)answer.id);
        return false;
    }
    p->silent_since_ms = service_now_ms(s->env.loop);
    if (answer.id >= p->busy_id)
        p->busy_id = 0;
    if (!p->has_answered) {
        p->has_answered = true;
        if (deadline_is_running(&p->hang)) /* the patience of a start is over */
            watch_for(p, patience_ms(p));
    }
    outage_success(&s->outage, s->env.log, s->name, s->path, clock_now_ms());
    if (t != NULL && t->state == TICKET_AWAITED) {
        if (p->tickets.awaited_count == 1)
            stop_watching(p);
        hand_over(t, &answer); /* last: it may be the end of p */
    } else if (t != NULL) {
        ticket_free(t);
        if (p->tickets.awaited_count == 0)
            stop_watching(p);
    }
    return true;
}

/* The oldest request that it had read. It has cost a process before, so it costs the last one only
 * from now on. */
static void remember_culprit(struct program_process *p)
{
    const struct program_ticket *oldest = p->tickets.open;

    for (const struct program_ticket *t = oldest; t != NULL; t = t->next) {
        if (t->id < oldest->id)
            oldest = t;
    }
    if (oldest != NULL && oldest->request->is_second)
        program_slow_add(&p->set->slow, oldest->request->key);
}

static void fail_or_ask_again(struct program_set *s, struct program_ticket *t)
{
    struct program_request *r = t->request;
    bool was_seen = coprocess_written(process_of(t)->coprocess) > t->begins_at;
    const char *ignored;

    ticket_free(t);
    if (r->ops->may_ask_again && !r->is_second) {
        r->is_second = true;
        if (program_ask(s, r, &ignored))
            return;
    }
    r->ops->failed(r, was_seen ? PROGRAM_DIED : PROGRAM_UNREAD, span_of(s->last_death));
}

static void log_death(struct program_set *s, struct span reason, struct span said)
{
    char text[500];

    snprintf(text, sizeof(text), "%.*s%s%.*s", (int)reason.len, reason.ptr,
             said.len == 0 ? "" : ", and said last: ", (int)said.len, said.ptr);
    outage_failure(&s->outage, s->env.log, s->name, s->path, span_of(text), clock_now_ms());
}

static void on_died(void *arg, struct span reason, struct span said)
{
    struct program_process *p = arg;
    struct program_set *s = p->set;
    struct table *table = table_ref(s->table);

    snprintf(s->last_death, sizeof(s->last_death), "the program failed: %.*s", (int)reason.len,
             reason.ptr);
    log_death(s, reason, said);
    stop_watching(p);
    p->has_answered = false;
    p->busy_id = 0;
    tickets_forget(&p->tickets);
    remember_culprit(p);
    while (p->tickets.open != NULL)
        fail_or_ask_again(s, p->tickets.open);
    tickets_restart(&p->tickets);
    table_unref(&table);
}

static void on_ready(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct program_set *s = w->data;

    (void)loop;
    (void)revents;
    for (size_t i = 0; i < s->count; i++)
        coprocess_start(s->processes[i].coprocess);
}

static void process_init(struct program_process *p, struct program_set *s,
                         const struct coprocess_config *config)
{
    static const struct coprocess_events events = {on_line, on_died};

    p->set = s;
    p->coprocess = coprocess_new(s->env.coprocesses, config, &events, p);
    tickets_init(&p->tickets, s->env.loop);
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
    ev_prepare_init(&s->ready, on_ready);
    s->ready.data = s;
    ev_feed_event(s->env.loop, &s->ready, EV_CUSTOM);
    return s;
}

void program_set_free(struct program_set **ps)
{
    struct program_set *s = *ps;

    if (s == NULL)
        return;
    *ps = NULL;
    ev_clear_pending(s->env.loop, &s->ready);
    for (size_t i = 0; i < s->count; i++) {
        struct program_process *p = &s->processes[i];

        tickets_forget(&p->tickets);
        stop_watching(p);
        coprocess_release(&p->coprocess);
    }
    shell_words_free(&s->words);
    free(s->path);
    free(s);
}
