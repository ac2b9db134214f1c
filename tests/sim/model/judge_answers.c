/* judge_answers.c - lookups, transactions, and how long they may take. */
#include "judge_state.h"
#include "keys.h"

#include "../kernel/kernel.h"

#include "podop/turns.h"

#include <inttypes.h>
#include <string.h>

static const int64_t SECOND = 1000000000;
static const int64_t TURN_NS = 100000000; /* one turn, and the step of podop's clocks */
/* The client waits in the backlog after a failure of accept4(). */
static const int64_t ACCEPT_PAUSE_NS = 100000000;
/* After a pause podop reads what has arrived before it judges; see turns.h. */
static const int64_t CATCH_UP_NS = TURN_CATCH_UP_MS * INT64_C(1000000);

static int64_t most_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Returns how long before an instant so much time had passed for podop, without its pauses. */
static int64_t with_pauses(int64_t ns, int64_t until_ns)
{
    int64_t whole_ns = ns, before_ns;

    do {
        before_ns = whole_ns;
        whole_ns = ns + judge_paused_ns(until_ns - before_ns, until_ns);
    } while (whole_ns > before_ns);
    return whole_ns;
}

/* How long ago a value may have been in the store: in the cache, or in an answer that is shared. */
int64_t judge_age_ns(const struct scene_table *table, int64_t ttl_ns, int64_t sent_ns)
{
    int64_t age_ns = 0;

    if (table->type == SCENE_JSON)
        return sent_ns - judge.began_ns; /* file_floor_ns() says it */
    if (ttl_ns > 0)
        age_ns = ttl_ns + ttl_ns / 10;
    if (ttl_ns > 0 || table->was_shared || table->ttl_most_ns > 0)
        age_ns += table->timeout_most_ns;
    return age_ns == 0 ? 0 : with_pauses(age_ns, sent_ns);
}

/* What podop surely had of a json file when the request was sent: one that waits for its turn may
 * have been looked up before a later renewal. */
static int64_t renewed_ns(const struct table_notes *notes, int64_t sent_ns)
{
    for (size_t i = notes->renewal_count; i-- > 0 && i + JUDGE_RENEWALS >= notes->renewal_count;) {
        const struct renewal *renewal = &notes->renewals[i % JUDGE_RENEWALS];

        if (renewal->known_ns <= sent_ns)
            return renewal->file_ns;
    }
    return judge.began_ns;
}

/* The oldest contents of a json file that podop may still have. */
static int64_t file_floor_ns(const struct scene_table *table, int64_t sent_ns)
{
    const struct table_notes *notes = judge_table_notes(table);
    const int64_t known_ns = renewed_ns(notes, sent_ns);
    int64_t lag_ns = 4 * SECOND;

    if (spans_meet(&judge.calls, sent_ns - 65 * SECOND, sent_ns, 0, 0))
        lag_ns = 65 * SECOND; /* a file could not be watched */
    lag_ns += judge_paused_ns(sent_ns - lag_ns, sent_ns);
    if (spans_meet(&notes->broken_file, sent_ns - lag_ns, sent_ns, 0, 0))
        return known_ns;
    return most_of(known_ns, sent_ns - lag_ns);
}

static int64_t floor_of(const struct scene_table *table, struct ledger_place place,
                        const struct ledger_key *own, int64_t sent_ns, struct ledger_view *view)
{
    int64_t floor_ns = judge.began_ns;

    *view = (struct ledger_view){.floor_ns = INT64_MIN};
    if (own != NULL)
        *view = ledger_view(own, place, sent_ns);
    if (table->type == SCENE_JSON)
        return most_of(floor_ns, file_floor_ns(table, sent_ns));
    return most_of(most_of(floor_ns, judge.started_ns), view->floor_ns);
}

/* During an outage, an older value answers. */
static bool is_stale(const struct scene_table *table, const struct truth_key *key,
                     enum truth_protocol protocol, const char *text, size_t len, int64_t sent_ns,
                     int64_t floor_ns)
{
    const struct excuse_case failure = {
        .table = table, .key = key, .from_ns = sent_ns, .to_ns = sim_now(), .is_stale = true};
    const int64_t age_ns = judge_age_ns(table, table->ttl_most_ns, sent_ns) + table->stale_most_ns;

    if (text == NULL || table->stale_most_ns == 0 || excuse(&failure) == EXCUSE_NONE)
        return false;
    return truth_had(key, protocol, text, len, most_of(floor_ns, sent_ns - age_ns), sim_now());
}

bool judge_allows(const struct scene_table *table, struct ledger_place place,
                  enum truth_protocol protocol, const char *text, size_t len, int64_t sent_ns)
{
    const struct truth_key *key = place.key;
    const int64_t ttl_ns = text == NULL ? table->negative_ttl_most_ns : table->ttl_most_ns;
    const struct ledger_key *own = ledger_find(judge.ledger, table, place.key);
    struct ledger_view view;
    const int64_t floor_ns = floor_of(table, place, own, sent_ns, &view);
    int64_t from_ns;

    if (own != NULL && table->was_write_behind &&
        ledger_had_pending(own, place, protocol, text, len, sent_ns))
        return true;
    if (view.is_pending)
        return false;
    from_ns = most_of(floor_ns, sent_ns - judge_age_ns(table, ttl_ns, sent_ns));
    if (truth_had(key, protocol, text, len, from_ns, sim_now()))
        return true;
    if (text == NULL && judge_was_as_miss(table, key, from_ns))
        return true;
    from_ns = most_of(floor_ns, sent_ns - judge_age_ns(table, table->ttl_most_ns, sent_ns));
    if (text == NULL && truth_had_empty(key, protocol, from_ns, sim_now()))
        return true;
    return is_stale(table, key, protocol, text, len, sent_ns, floor_ns);
}

/* A lookup, with what is computed once. */
struct looked_up {
    const struct judge_lookup *l;
    struct truth_key *spelled;
    const struct ledger_key *own;
    unsigned used; /* rules for the key: podop has used one of them */
};

static struct looked_up looked_up_of(const struct judge_lookup *l)
{
    struct looked_up u = {.l = l, .used = keys_used(l->table, l->sent_ns, sim_now())};

    u.spelled = truth_add(judge_store(l->table), l->key, strlen(l->key));
    u.own = ledger_find(judge.ledger, l->table, u.spelled);
    return u;
}

static struct ledger_place place_of(const struct looked_up *u, unsigned rules)
{
    return (struct ledger_place){keys_normal(u->spelled, rules), rules};
}

static struct search_case search_of(const struct looked_up *u, unsigned rules)
{
    return (struct search_case){.table = u->l->table,
                                .spelled = u->spelled,
                                .protocol = u->l->protocol,
                                .sent_ns = u->l->sent_ns,
                                .rules = rules};
}

/* What the ledger says, for the transcript. */
static void trace_view(const struct looked_up *u)
{
    KEYS_EACH(rules, u->used)
    {
        const struct ledger_place place = place_of(u, rules);

        sim_trace("with rules %u: %s", rules, truth_describe(place.key));
        if (u->own != NULL)
            sim_trace("the last acknowledged write was made at %.6f, pending %d",
                      (double)ledger_view(u->own, place, u->l->sent_ns).floor_ns / 1e9,
                      ledger_view(u->own, place, u->l->sent_ns).is_pending);
    }
    if (u->own != NULL)
        ledger_trace(u->own);
}

static void judge_answer(const struct looked_up *u, const char *text, size_t len)
{
    const struct judge_lookup *l = u->l;

    KEYS_EACH(rules, u->used)
    {
        const struct search_case search = search_of(u, rules);

        if (l->table->has_search
                ? judge_search_allows(&search, text, len)
                : judge_allows(l->table, place_of(u, rules), l->protocol, text, len, l->sent_ns))
            return;
    }
    trace_view(u);
    sim_broken(text == NULL ? "a false miss" : "a wrong value",
               "%s %s = %.*s, sent at %.6f, answered at %.6f; %s", l->table->name, l->key,
               text == NULL ? 1 : (int)len, text == NULL ? "-" : text, (double)l->sent_ns / 1e9,
               (double)sim_now() / 1e9, truth_describe(u->spelled));
}

static bool is_after(const struct looked_up *u, struct ledger_place place, const char *text,
                     size_t len)
{
    const struct judge_lookup *l = u->l;
    const int64_t made_ns = ledger_made_ns(u->own, place.key, l->after);

    return made_ns == INT64_MIN ||
           truth_had(place.key, l->protocol, text, len, made_ns, sim_now()) ||
           ledger_had_pending(u->own, place, l->protocol, text, len, l->sent_ns) ||
           (text == NULL && judge_was_as_miss(l->table, place.key, made_ns));
}

/* A lookup waits for the earlier transactions of its key on the same connection. */
static void judge_order(const struct looked_up *u, const char *text, size_t len)
{
    const struct judge_lookup *l = u->l;

    if (l->after == 0 || u->own == NULL)
        return;
    KEYS_EACH(rules, u->used)
    {
        const struct ledger_place place = place_of(u, rules);

        if (is_after(u, place, text, len) && !ledger_is_waiting(u->own, place.key, l->after))
            return;
    }
    trace_view(u);
    sim_broken("a lookup before its transaction", "%s %s = %.*s, after transaction %" PRIu64,
               l->table->name, l->key, text == NULL ? 1 : (int)len, text == NULL ? "-" : text,
               l->after);
}

static bool can_be_absent(const struct scene_table *table, int64_t sent_ns)
{
    return spans_meet(&judge_table_notes(table)->absent, sent_ns, sim_now(), SECOND, 0) ||
           spans_meet(&judge.stops, sent_ns, sim_now(), SECOND, 0);
}

/* Whether the lookup must find a pending write, by whatever rules. */
static bool must_be_pending(const struct looked_up *u)
{
    if (u->own == NULL)
        return false;
    KEYS_EACH(rules, u->used)
    {
        if (!ledger_view(u->own, place_of(u, rules), u->l->sent_ns).is_pending)
            return false;
    }
    return true;
}

/* Whether the text says that the time was over long before that. A lookup may share a request that
 * began earlier. */
static bool is_early(const struct scene_table *table, const char *text, size_t len, int64_t sent_ns)
{
    return !table->was_shared && excuse_says(text, len, "no answer within the table's timeout") &&
           !excuse_says(text, len, EXCUSE_REFUSAL) &&
           sim_now() - sent_ns < table->timeout_least_ns * 9 / 10;
}

static void judge_failure(const struct looked_up *u, const char *text, size_t len)
{
    const struct judge_lookup *l = u->l;
    struct excuse_case failure = {.table = l->table,
                                  .from_ns = l->sent_ns,
                                  .to_ns = sim_now(),
                                  .wait_most_ns = l->wait_most_ns,
                                  .reason = text,
                                  .reason_len = len};
    enum excuse_reason reason = EXCUSE_NONE;

    if (l->wait_most_ns == 0 && must_be_pending(u) && !can_be_absent(l->table, l->sent_ns)) {
        trace_view(u);
        sim_broken("a pending write is not found", "%s %s: %.*s", l->table->name, l->key, (int)len,
                   text);
    }
    if (is_early(l->table, text, len, l->sent_ns))
        sim_broken("a timeout that came too early", "%s %s: %.*s, sent at %.6f, %.6f s",
                   l->table->name, l->key, (int)len, text, (double)l->sent_ns / 1e9,
                   (double)(sim_now() - l->sent_ns) / 1e9);
    KEYS_EACH(rules, u->used)
    {
        const struct search_case search = search_of(u, rules);

        failure.key = place_of(u, rules).key;
        if (reason == EXCUSE_NONE)
            reason =
                l->table->has_search ? judge_search_excuse(&search, &failure) : excuse(&failure);
    }
    judge.figures.excused[reason]++;
    if (reason == EXCUSE_NONE)
        sim_broken("a lookup failed, and nothing was wrong",
                   "%s %s: %.*s, sent at %.6f, %.6f s, after others that may take %.3f s",
                   l->table->name, l->key, (int)len, text, (double)l->sent_ns / 1e9,
                   (double)(sim_now() - l->sent_ns) / 1e9, (double)l->wait_most_ns / 1e9);
}

void judge_lookup(const struct judge_lookup *lookup, enum judge_status status, const char *text,
                  size_t len)
{
    const struct looked_up u = looked_up_of(lookup);

    judge.figures.lookups++;
    switch (status) {
    case JUDGE_FOUND:
        judge.figures.found++;
        judge_answer(&u, text, len);
        judge_order(&u, text, len);
        break;
    case JUDGE_MISS:
        judge.figures.misses++;
        judge_answer(&u, NULL, 0);
        judge_order(&u, NULL, 0);
        break;
    case JUDGE_FAILED:
        judge.figures.failures++;
        judge_failure(&u, text, len);
        break;
    }
}

/* Transactions */

static enum excuse_reason excuse_write(struct ledger_tx *tx, const struct scene_table *table,
                                       const char *text, int64_t sent_ns, int64_t wait_most_ns)
{
    struct excuse_case failure = {.table = table,
                                  .from_ns = sent_ns,
                                  .to_ns = sim_now(),
                                  .wait_most_ns = wait_most_ns,
                                  .reason = text,
                                  .reason_len = text == NULL ? 0 : strlen(text),
                                  .is_write = true};
    const unsigned used = keys_used(table, sent_ns, sim_now());
    enum excuse_reason reason = EXCUSE_NONE;

    for (size_t i = 0; i < ledger_changes(tx); i++) {
        KEYS_EACH(rules, used)
        {
            failure.key = keys_normal(ledger_change_key(tx, i), rules);
            reason = reason == EXCUSE_NONE ? excuse(&failure) : reason;
        }
    }
    return reason;
}

void judge_write(struct ledger_tx **tx, const struct scene_table *table, enum ledger_told told,
                 const char *reason, int64_t sent_ns, int64_t wait_most_ns)
{
    enum excuse_reason why;

    judge.figures.writes++;
    if (told == LEDGER_FAILED || told == LEDGER_UNCERTAIN) {
        why = excuse_write(*tx, table, reason, sent_ns, wait_most_ns);
        judge.figures.write_failures++;
        judge.figures.excused[why]++;
        if (why == EXCUSE_NONE)
            sim_broken("a write failed, and nothing was wrong", "%s %s: %c %s, sent at %.6f",
                       table->name, truth_name(ledger_change_key(*tx, 0)), (char)told,
                       reason == NULL ? "" : reason, (double)sent_ns / 1e9);
    }
    ledger_told(tx, told, sim_now());
}

/* Time */

void judge_time(const struct scene_table *table, int64_t complete_ns, int64_t wait_most_ns,
                const char *what)
{
    const int64_t took_ns = sim_now() - complete_ns;
    int64_t limit_ns = table->timeout_most_ns + wait_most_ns + TURN_NS, paused_ns;

    if (took_ns <= limit_ns)
        return;
    paused_ns = judge_paused_ns(complete_ns, sim_now());
    limit_ns += paused_ns == 0 ? 0 : paused_ns + CATCH_UP_NS;
    if (spans_meet(&judge.calls, complete_ns, sim_now(), 0, 0))
        limit_ns += spans_cover(&judge.calls, complete_ns, sim_now()) + ACCEPT_PAUSE_NS;
    if (took_ns > limit_ns)
        sim_broken("an answer took too long", "%s %s: %.3f s, at most %.3f s", table->name, what,
                   (double)took_ns / 1e9, (double)limit_ns / 1e9);
}
