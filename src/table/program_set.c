#include "program_set.h"

#include "podop/clock.h"
#include "podop/coprocess.h"
#include "podop/mem.h"
#include "podop/outage.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SLOTS = 256,        /* a chain each, of the tickets of one process */
    WAITING_MAX = 4096, /* requests under way in one process */
    OVERDUE_MAX = 1000, /* requests that one process has left without an answer */
    FORGIVEN_MAX =
        1000, /* ids that are remembered after nobody waits for them; older are let pass */
    HANG_SLACK_MS = 20, /* the request that is overdue is told so first */
};

enum ticket_state {
    TICKET_AWAITED,
    TICKET_IDLE,     /* a part has come, the next one is not asked for yet */
    TICKET_OVERDUE,  /* too late, but an answer may come */
    TICKET_FORGIVEN, /* nobody waits any longer; an answer may come or not */
};

/* An id that a process knows. */
struct program_ticket {
    struct program_process *process;
    struct program_request *request; /* AWAITED, IDLE */
    struct program_ticket *next_in_slot;
    struct program_ticket *next, **prev_next; /* of the same kind: open, overdue or forgiven */
    uint64_t id;
    uint64_t begins_at; /* its line, in all that was queued for the process */
    enum ticket_state state;
};

struct program_process {
    struct program_set *set;
    struct coprocess *coprocess;
    struct program_ticket *slots[SLOTS];
    struct program_ticket *open;                               /* AWAITED and IDLE */
    struct program_ticket *overdue, *forgiven, **forgiven_end; /* the oldest forgiven is first */
    unsigned awaited_count, overdue_count, forgiven_count;
    uint64_t last_id, let_pass_id; /* answers to ids up to let_pass_id are not looked at */
    uint64_t silent_since_ms;
    ev_timer hang;
};

struct program_set {
    struct table *table;
    struct table_env env;
    char *name;
    uint32_t timeout_ms;
    struct words words;
    char *path;
    ev_prepare ready; /* never started, only fed */
    struct outage outage;
    char last_death[500];
    size_t count;
    struct program_process processes[];
};

static void list_add(struct program_ticket **link, struct program_ticket *t)
{
    t->next = *link;
    t->prev_next = link;
    if (t->next != NULL)
        t->next->prev_next = &t->next;
    *link = t;
}

static void list_remove(struct program_ticket *t)
{
    struct program_process *p = t->process;

    *t->prev_next = t->next;
    if (t->next != NULL)
        t->next->prev_next = t->prev_next;
    else if (p->forgiven_end == &t->next)
        p->forgiven_end = t->prev_next;
}

static struct program_ticket *ticket_new(struct program_process *p, struct program_request *r)
{
    struct program_ticket *t = xcalloc(1, sizeof(*t));
    struct program_ticket **slot;

    t->process = p;
    t->request = r;
    t->id = ++p->last_id;
    slot = &p->slots[t->id % SLOTS];
    t->next_in_slot = *slot;
    *slot = t;
    t->state = TICKET_IDLE;
    list_add(&p->open, t);
    return t;
}

static struct program_ticket *ticket_find(const struct program_process *p, uint64_t id)
{
    struct program_ticket *t = p->slots[id % SLOTS];

    while (t != NULL && t->id != id)
        t = t->next_in_slot;
    return t;
}

/* Its answer is not waited for any more, whatever becomes of it. */
static void ticket_rest(struct program_ticket *t)
{
    if (t->state != TICKET_AWAITED)
        return;
    t->state = TICKET_IDLE;
    t->process->awaited_count--;
    ev_timer_stop(t->process->set->env.loop, &t->request->timer);
}

static void ticket_free(struct program_ticket *t)
{
    struct program_process *p = t->process;
    struct program_ticket **link = &p->slots[t->id % SLOTS];

    if (t->request != NULL) {
        ticket_rest(t);
        t->request->ticket = NULL;
    }
    p->overdue_count -= t->state == TICKET_OVERDUE;
    p->forgiven_count -= t->state == TICKET_FORGIVEN;
    list_remove(t);
    while (*link != t)
        link = &(*link)->next_in_slot;
    *link = t->next_in_slot;
    free(t);
}

/* It and those behind it in its list. */
static void free_all(struct program_ticket *t)
{
    while (t != NULL) {
        struct program_ticket *next = t->next;

        ticket_free(t);
        t = next;
    }
}

/* It has no request any more, but is still known. */
static void ticket_leave(struct program_ticket *t, enum ticket_state state)
{
    struct program_process *p = t->process;

    ticket_rest(t);
    t->request->ticket = NULL;
    t->request = NULL;
    list_remove(t);
    t->state = state;
    if (state == TICKET_OVERDUE) {
        list_add(&p->overdue, t);
        p->overdue_count++;
        return;
    }
    list_add(p->forgiven_end, t);
    p->forgiven_end = &t->next;
    if (++p->forgiven_count > FORGIVEN_MAX) {
        if (p->forgiven->id > p->let_pass_id)
            p->let_pass_id = p->forgiven->id;
        ticket_free(p->forgiven);
    }
}

static void stop_watching(struct program_process *p)
{
    ev_timer_stop(p->set->env.loop, &p->hang);
}

static void watch_for(struct program_process *p, uint64_t ms)
{
    p->hang.repeat = (double)(ms + HANG_SLACK_MS) / 1000.0;
    ev_timer_again(p->set->env.loop, &p->hang);
}

static void ticket_await(struct program_ticket *t)
{
    struct program_process *p = t->process;
    struct program_request *r = t->request;
    uint64_t now_ms = clock_now_ms();
    double left_ms = r->deadline_at_ms > now_ms ? (double)(r->deadline_at_ms - now_ms) : 0;

    t->state = TICKET_AWAITED;
    if (p->awaited_count++ == 0) {
        p->silent_since_ms = now_ms;
        watch_for(p, p->set->timeout_ms);
    }
    /* libev counts from when the loop woke up, which may be a while ago. */
    ev_timer_set(&r->timer, left_ms / 1000.0 + (ev_time() - ev_now(p->set->env.loop)), 0.0);
    ev_timer_start(p->set->env.loop, &r->timer);
}

static void on_timeout(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct program_request *r = w->data;
    struct program_process *p = r->ticket->process;
    struct table *table = table_ref(p->set->table); /* what is told may be the end of it */

    (void)loop;
    (void)revents;
    ticket_leave(r->ticket, TICKET_OVERDUE);
    r->ops->failed(r, PROGRAM_OVERDUE, SPAN("no answer within the table's timeout"));
    if (p->overdue_count > OVERDUE_MAX)
        coprocess_give_up(p->coprocess, "it left too many requests without an answer");
    table_unref(&table);
}

static void on_hang(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct program_process *p = w->data;
    uint64_t silent_ms = clock_now_ms() - p->silent_since_ms;
    char reason[100];

    (void)loop;
    (void)revents;
    if (silent_ms < p->set->timeout_ms) {
        watch_for(p, p->set->timeout_ms - silent_ms);
        return;
    }
    stop_watching(p);
    snprintf(reason, sizeof(reason), "it said nothing for %u ms while requests waited",
             (unsigned)p->set->timeout_ms);
    coprocess_give_up(p->coprocess, reason);
}

static struct program_process *choose(struct program_set *s)
{
    struct program_process *best = NULL;

    for (size_t i = 0; i < s->count; i++) {
        struct program_process *p = &s->processes[i];

        if (coprocess_is_running(p->coprocess) &&
            (best == NULL || p->awaited_count < best->awaited_count))
            best = p;
    }
    return best;
}

bool program_ask(struct program_set *s, struct program_request *r, const char **reason)
{
    struct program_process *p = choose(s);
    uint64_t begins_at;
    struct buf line;
    bool is_queued;

    if (p == NULL) {
        *reason = s->last_death;
        return false;
    }
    *reason = "too many requests wait for the program";
    if (p->awaited_count >= WAITING_MAX)
        return false;
    *reason = "the program reads too slowly";
    begins_at = coprocess_queued(p->coprocess);
    buf_init(&line, SIZE_MAX);
    r->ops->add(r, p->last_id + 1, &line);
    is_queued = coprocess_send(p->coprocess, buf_span(&line));
    buf_deinit(&line);
    if (!is_queued)
        return false;
    r->ticket = ticket_new(p, r);
    r->ticket->begins_at = begins_at;
    ev_timer_init(&r->timer, on_timeout, 0.0, 0.0);
    r->timer.data = r;
    ticket_await(r->ticket);
    return true;
}

static bool send_word(struct program_ticket *t, const char *word)
{
    struct program_process *p = t->process;
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
    ticket_await(r->ticket);
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
    p = t->process;
    if (word != NULL)
        send_word(t, word); /* a hint: where there is no room for it, it is left out */
    ticket_leave(t, TICKET_FORGIVEN);
    if (p->awaited_count == 0)
        stop_watching(p);
}

static void hand_over(struct program_ticket *t, const struct program_answer *answer)
{
    struct program_request *r = t->request;
    struct table *table = table_ref(t->process->set->table);

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
    uint64_t now_ms = clock_now_ms();

    if (program_answer_parse(line, &answer, err) == -1)
        return false;
    t = ticket_find(p, answer.id);
    if (t == NULL ? answer.id > p->let_pass_id : t->state == TICKET_IDLE) {
        error_set(err, ERR_INPUT, "an answer to %llu, which nobody waits for",
                  (unsigned long long)answer.id);
        return false;
    }
    p->silent_since_ms = now_ms;
    outage_worked(&s->outage, s->env.log, s->name, s->path, now_ms);
    if (t != NULL && t->state == TICKET_AWAITED) {
        if (p->awaited_count == 1)
            stop_watching(p);
        hand_over(t, &answer); /* last: it may be the end of p */
    } else if (t != NULL) {
        ticket_free(t);
        if (p->awaited_count == 0)
            stop_watching(p);
    }
    return true;
}

static void fail_or_ask_again(struct program_set *s, struct program_ticket *t)
{
    struct program_request *r = t->request;
    bool was_seen = coprocess_written(t->process->coprocess) > t->begins_at;
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
    outage_failed(&s->outage, s->env.log, s->name, s->path, span_of(text), clock_now_ms());
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
    free_all(p->overdue);
    free_all(p->forgiven);
    while (p->open != NULL)
        fail_or_ask_again(s, p->open);
    p->last_id = p->let_pass_id = 0;
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
    p->forgiven_end = &p->forgiven;
    ev_init(&p->hang, on_hang);
    p->hang.data = p;
}

struct program_set *program_set_new(struct table *table, const struct table_config *config,
                                    const struct table_env *env, struct words *words, char *path)
{
    struct program_set *s =
        xcalloc(1, sizeof(*s) + config->processes * sizeof(struct program_process));
    const struct coprocess_config wanted = {
        .name = config->name,
        .path = path,
        .argv = words->items,
        .line_max = config->max_response,
    };

    s->table = table;
    s->env = *env;
    s->name = xstrdup(config->name);
    s->timeout_ms = config->timeout_ms;
    s->words = *words;
    s->path = path;
    snprintf(s->last_death, sizeof(s->last_death), "the program is not started yet");
    s->count = config->processes;
    for (size_t i = 0; i < s->count; i++)
        process_init(&s->processes[i], s, &wanted);
    ev_prepare_init(&s->ready, on_ready);
    s->ready.data = s;
    ev_feed_event(env->loop, &s->ready, EV_CUSTOM);
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

        free_all(p->overdue);
        free_all(p->forgiven);
        stop_watching(p);
        coprocess_let_go(&p->coprocess);
    }
    words_free(&s->words);
    free(s->path);
    free(s->name);
    free(s);
}
