/* excuse.c - what may have made a request fail. The rules follow podop-url(7) and podop-program(7):
 * which failures podop retries, how long it waits while connections are refused, and when a URL is
 * suspended. Each reason is as narrow as the world's notes allow. */
#include "forms.h"
#include "judge_state.h"

#include "../kernel/kernel.h"

#include <string.h>

static const int64_t SECOND = 1000000000, SLACK_NS = 300000000;

/* A suspended URL gets a trial after a second; one of several URLs after up to 30. After two such
 * pauses without one, it is asked by all requests that no other URL is left for. */
static const int64_t PAUSE_NS = 2000000000, PAUSE_OF_SEVERAL_NS = 60000000000;
/* The same of a program. */
static const int64_t PROGRAM_PAUSE_NS = 31500000000;

/* A failure, with what is computed once. */
struct failure {
    const struct excuse_case *c;
    const struct scene_table *table;
    int64_t since_ns, to_ns; /* of the requests that it may have depended on */
    int64_t least_ns;        /* a shorter outage excuses nothing */
    int64_t pause_ns;        /* how long an outage has effects after its end */
    size_t urls;
    bool is_single;   /* once it has begun, it goes to no other URL and is not tried again */
    bool was_asked;   /* a URL may have been asked, and failed */
    bool was_refused; /* all of its URLs may have been suspended */
};

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A lookup may share a request that began before it; a write may wait for another one. */
static int64_t since_of(const struct excuse_case *c)
{
    const struct scene_table *table = c->table;
    int64_t since_ns = c->from_ns - SLACK_NS / 3;

    if (table->was_shared || c->is_write)
        since_ns -=
            table->timeout_most_ns + judge_paused_ns(since_ns - table->timeout_most_ns, c->from_ns);
    if (c->is_write && table->was_write_behind)
        since_ns -= 30 * SECOND;
    return since_ns;
}

bool excuse_says(const char *reason, size_t len, const char *text)
{
    return reason != NULL && memmem(reason, len, text, strlen(text)) != NULL;
}

static struct failure failure_of(const struct excuse_case *c)
{
    struct failure f = {.c = c, .table = c->table, .since_ns = since_of(c), .to_ns = c->to_ns};
    const bool is_refusal = excuse_says(c->reason, c->reason_len, EXCUSE_REFUSAL);

    f.urls = c->table->backend_count;
    f.is_single = c->is_write || c->is_list;
    /* A write may wait for pending writes, which are not made while the URL is suspended. */
    f.was_asked = c->reason == NULL || !is_refusal;
    f.was_refused = c->reason == NULL || is_refusal || (c->is_write && c->table->was_write_behind);
    f.pause_ns = f.urls > 1 ? PAUSE_OF_SEVERAL_NS : PAUSE_NS;
    /* All forms of a search share its time, so that little may be left for any of them. */
    if (!f.is_single && !c->is_stale && f.urls == 1 && !c->table->has_search)
        f.least_ns = c->table->timeout_least_ns * 4 / 10;
    return f;
}

static bool meets(const struct failure *f, const struct spans *spans, int64_t after_ns,
                  int64_t least_ns)
{
    return spans_meet(spans, f->since_ns, f->to_ns, after_ns + SLACK_NS, least_ns);
}

/* Keys */

static bool has_hung(const struct failure *f, const struct key_harms *harms)
{
    const struct spans *hangs = &harms->points[JUDGE_HARM_HANG];
    const int64_t share_ns = f->table->timeout_least_ns / (int64_t)(f->urls == 0 ? 1 : f->urls);

    if (f->c->is_stale || f->is_single || f->table->has_search)
        return spans_meet(hangs, f->since_ns, f->to_ns, SLACK_NS, 0);
    return spans_cover(hangs, f->since_ns, f->to_ns) >= share_ns * 4 / 10;
}

/* Whether it may have waited for most of the time that a URL has. */
static bool has_waited(const struct failure *f)
{
    return f->to_ns - f->since_ns >= f->table->timeout_least_ns / (int64_t)f->urls * 8 / 10;
}

/* Whether so many attempts broke that none was left. */
static bool is_cut(const struct failure *f, const struct backend_notes *notes,
                   const struct key_harms *harms)
{
    const int64_t from_ns = f->since_ns - SLACK_NS, to_ns = f->to_ns;
    unsigned cuts = spans_begun(&notes->cuts, from_ns, to_ns), others;

    if (harms != NULL)
        cuts += spans_begun(&harms->points[JUDGE_HARM_CUT], from_ns, to_ns);
    others = spans_begun(&notes->idle_ends, from_ns, to_ns);
    if (harms != NULL)
        others += spans_begun(&harms->points[JUDGE_HARM_KEPT], from_ns, to_ns);
    if (f->is_single || f->urls > 1 || f->c->is_stale)
        return cuts > 0;
    if (harms != NULL && spans_meet(&harms->points[JUDGE_HARM_HANG], from_ns, to_ns, 0, 0))
        others++;
    if (spans_meet(&notes->bad, from_ns, to_ns, 0, 0))
        others++;
    return cuts > 0 && cuts + others > f->table->retries;
}

static bool has_failed(const struct failure *f, const struct key_harms *harms, enum judge_harm kind)
{
    return spans_meet(&harms->points[kind], f->since_ns, f->to_ns, SLACK_NS, 0);
}

static bool is_harmed(const struct failure *f, const struct key_harms *harms)
{
    if (harms == NULL)
        return false;
    return has_failed(f, harms, JUDGE_HARM_STATUS) || has_failed(f, harms, JUDGE_HARM_FINAL) ||
           (f->table->is_strict && has_failed(f, harms, JUDGE_HARM_AS_MISS)) || has_hung(f, harms);
}

static bool may_be_open(const struct failure *f, const struct row *row)
{
    return spans_meet(&row->suspended, f->since_ns, f->to_ns, SLACK_NS, 0) &&
           row->last_ns + f->table->timeout_most_ns + f->pause_ns + SLACK_NS >= f->since_ns;
}

/* Whether the circuit breaker of the URL may be open because of failures in a row. */
static bool is_row_open(const struct failure *f, const struct backend_notes *notes)
{
    const struct row *rows = notes->rows[f->table - judge.scene->tables];
    const size_t count = JUDGE_PLACES * (f->c->is_write ? 2 : 1); /* commit_url is the second */
    bool is_open = false;

    for (size_t i = 0; i < count; i++)
        is_open |= may_be_open(f, &rows[i]);
    return is_open;
}

/* Whether no query of that time may have been answered soon enough: a name server that does not
 * answer costs a second. */
static bool is_nameless(const struct failure *f, int64_t from_ns, int64_t after_ns)
{
    /* connect_timeout counts the resolution of the name, too */
    const int64_t patience_ns =
        f->table->is_named ? least_of(f->table->timeout_least_ns, f->table->connect_timeout_ns)
                           : f->table->timeout_least_ns;
    const bool is_impatient = patience_ns < 5 * SECOND / 2;

    return spans_meet(&judge.names, from_ns, f->to_ns, after_ns, 0) ||
           (is_impatient && spans_meet(&judge.names_slow, from_ns, f->to_ns, after_ns, 0));
}

/* Whether podop may not know an address since the backend's first table came. */
static bool is_unknown(const struct failure *f, const struct naming *naming)
{
    if (f->since_ns < naming->since_ns + 10 * SECOND + f->table->timeout_most_ns)
        return true;
    return naming->may_fail && (naming->reached_ns == 0 || naming->reached_ns >= f->since_ns);
}

/* Whether the service has moved and podop may not have had the time to ask for its name again,
 * which it does at most once a second. */
static bool is_moving(const struct failure *f, const struct spans *moves)
{
    const int64_t patience_ns = least_of(f->table->timeout_least_ns, f->table->connect_timeout_ns);

    return patience_ns < 3 * SECOND / 2 && spans_meet(moves, f->since_ns, f->to_ns, SECOND, 0);
}

/* An address that podop knows stays in use while no name server answers; after a move, and when no
 * table has had the backend before, it needs one that does. */
static bool is_lost_by_name(const struct failure *f, const struct backend_notes *notes,
                            int64_t pause_ns)
{
    const struct spans *moves = &notes->outages[JUDGE_MOVED];
    const int64_t after_ns = 3 * SECOND + SLACK_NS + pause_ns;

    if (f->table->is_named && is_moving(f, moves))
        return true;
    if (!f->table->is_named || !is_nameless(f, f->since_ns, after_ns))
        return false;
    if (spans_begun(moves, judge.started_ns, f->to_ns) > 0 &&
        is_nameless(f, spans_last_from_ns(moves) - 5 * SECOND, after_ns))
        return true;
    return is_unknown(f, &notes->naming);
}

/* Whether two attempts may need most of the time, over connections that are slow although nothing
 * is wrong. Connections are kept for a minute. */
static bool is_slow(const struct failure *f, const struct backend_notes *notes)
{
    static const int64_t kept_ns = 60000000000;
    const int64_t share_ns = f->table->timeout_least_ns / (int64_t)f->urls;

    const int64_t requests = f->table->has_search ? FORMS_MAX : 1;

    return 2 * requests * notes->slowness_ns >= share_ns * 8 / 10 &&
           spans_meet(&notes->outages[JUDGE_SLOW], f->since_ns, f->to_ns, kept_ns, 0);
}

/* Whether the backend was not there, at most so long before. */
static bool is_out(const struct failure *f, const struct backend_notes *notes, int64_t pause_ns)
{
    /* A connection that is not answered fails after connect_timeout, also when the outage has ended
     * meanwhile; without retries, so does its lookup. */
    const int64_t connect_ns = f->table->connect_timeout_ns;
    const int64_t silent_ns = f->table->retries == 0 || f->table->has_search
                                  ? 0
                                  : least_of(f->least_ns, connect_ns * 9 / 10);

    return meets(f, &notes->bad, pause_ns, f->least_ns) ||
           meets(f, &notes->outages[JUDGE_SILENT], pause_ns + connect_ns, silent_ns);
}

/* What a backend of a url table did to requests that it was sent. */
static enum excuse_reason excuse_asked(const struct failure *f, const struct backend_notes *notes)
{
    const struct key_harms *harms = f->c->key == NULL ? NULL : judge_harms_of(notes, f->c->key);

    if (is_harmed(f, harms))
        return EXCUSE_KEY;
    if (meets(f, &notes->outages[JUDGE_STATUS], 0, 0))
        return EXCUSE_STATUS;
    if (meets(f, &notes->outages[JUDGE_BROKEN], 0, 0))
        return EXCUSE_BROKEN;
    if (is_out(f, notes, 0) || meets(f, &notes->outages[JUDGE_UNSENT], 0, 0))
        return EXCUSE_OUTAGE;
    if (is_cut(f, notes, harms))
        return EXCUSE_CUT;
    if (is_slow(f, notes) && has_waited(f))
        return EXCUSE_OUTAGE;
    if (meets(f, &notes->outages[JUDGE_CROWDED], 0, 0) && has_waited(f))
        return EXCUSE_CROWDED;
    return is_lost_by_name(f, notes, 0) ? EXCUSE_NAMES : EXCUSE_NONE;
}

/* Why a URL may have been suspended. */
static enum excuse_reason excuse_suspended(const struct failure *f,
                                           const struct backend_notes *notes)
{
    if (is_out(f, notes, f->pause_ns) || meets(f, &notes->outages[JUDGE_UNSENT], f->pause_ns, 0) ||
        is_slow(f, notes))
        return EXCUSE_OUTAGE;
    if (is_lost_by_name(f, notes, f->pause_ns))
        return EXCUSE_NAMES;
    return is_row_open(f, notes) ? EXCUSE_SUSPENDED : EXCUSE_NONE;
}

/* Whether a backend gave an answer that is a failure, after which no other URL is asked. */
static bool is_final(const struct failure *f, const struct backend_notes *notes)
{
    const struct key_harms *harms = f->c->key == NULL ? NULL : judge_harms_of(notes, f->c->key);

    return harms != NULL && has_failed(f, harms, JUDGE_HARM_FINAL);
}

/* Each URL must have failed or been suspended, and one of them in the way that podop says. Of a
 * write that was sent, one URL is enough. */
static enum excuse_reason excuse_url(const struct failure *f)
{
    const size_t urls = f->c->is_write && f->table->has_commit_url ? 1 : f->urls;
    enum excuse_reason asked = EXCUSE_NONE, suspended = EXCUSE_NONE;
    bool are_all = true;

    for (size_t i = 0; i < urls; i++) {
        const struct backend_notes *notes = judge_notes_of(f->table->backends[i]);
        const enum excuse_reason refused = excuse_suspended(f, notes);
        enum excuse_reason failed = excuse_asked(f, notes);

        /* The trial of a suspended URL does not wait until it is not refused any more. */
        if (failed == EXCUSE_NONE && refused != EXCUSE_NONE && meets(f, &notes->bad, 0, 0))
            failed = EXCUSE_OUTAGE;
        if (f->was_asked && is_final(f, notes))
            return EXCUSE_KEY;
        are_all &= failed != EXCUSE_NONE || refused != EXCUSE_NONE;
        asked = failed == EXCUSE_NONE ? asked : failed;
        suspended = refused == EXCUSE_NONE ? suspended : refused;
    }
    if (!are_all && !(f->is_single && f->was_asked))
        return EXCUSE_NONE;
    return f->was_asked && asked != EXCUSE_NONE ? asked : f->was_refused ? suspended : EXCUSE_NONE;
}

/* A key that hung, or whose processes ended, goes to the last process only, until it is answered,
 * and fails at once while that process is in its pause or no other one is free. */
static bool is_suspected(const struct failure *f, const struct key_harms *harms)
{
    static const enum judge_harm kinds[] = {JUDGE_HARM_HANG, JUDGE_HARM_CUT};
    bool is_harmed = false;

    for (size_t i = 0; harms != NULL && i < 2; i++)
        is_harmed |=
            spans_meet(&harms->points[kinds[i]], f->since_ns, f->to_ns, PROGRAM_PAUSE_NS, 0);
    return is_harmed;
}

/* Programs: a lookup is sent twice; while all processes are in their pause, requests fail at once.
 */
static enum excuse_reason excuse_program(const struct failure *f)
{
    const struct backend_notes *notes = judge_notes_of(f->table->backends[0]);
    const struct key_harms *harms = f->c->key == NULL ? NULL : judge_harms_of(notes, f->c->key);
    const unsigned deaths = spans_begun(&notes->deaths, f->since_ns, f->to_ns);

    if (is_harmed(f, harms) || is_suspected(f, harms))
        return EXCUSE_KEY;
    if (meets(f, &notes->outages[JUDGE_REFUSED], PROGRAM_PAUSE_NS, 0) ||
        meets(f, &notes->outages[JUDGE_SILENT], PAUSE_NS, f->least_ns))
        return EXCUSE_OUTAGE;
    if (deaths >= 2 || (deaths > 0 && (f->is_single || f->c->is_stale)) ||
        spans_begun(&notes->deaths, f->since_ns - PROGRAM_PAUSE_NS, f->to_ns) >=
            f->table->processes)
        return EXCUSE_PROGRAM;
    return EXCUSE_NONE;
}

static enum excuse_reason excuse_type(const struct failure *f)
{
    switch (f->table->type) {
    case SCENE_URL: return excuse_url(f);
    case SCENE_PROGRAM: return excuse_program(f);
    case SCENE_DNS: return is_nameless(f, f->since_ns, SLACK_NS) ? EXCUSE_NAMES : EXCUSE_NONE;
    case SCENE_JSON: break;
    }
    return EXCUSE_NONE;
}

/* Whether a request for any key failed or waited then. */
static bool has_harmed(const struct backend_notes *notes, int64_t from_ns, int64_t to_ns)
{
    static const enum judge_harm kinds[] = {JUDGE_HARM_CUT, JUDGE_HARM_HANG, JUDGE_HARM_STATUS};

    for (size_t i = 0; i < JUDGE_SLOTS; i++) {
        for (const struct key_harms *h = notes->slots[i]; h != NULL; h = h->next) {
            for (size_t kind = 0; kind < sizeof(kinds) / sizeof(*kinds); kind++) {
                if (spans_meet(&h->points[kinds[kind]], from_ns, to_ns, 0, 0))
                    return true;
            }
        }
    }
    return false;
}

/* Whether a transaction before it may have taken all of its time. */
static bool is_after_broken(const struct failure *f)
{
    const int64_t from_ns = f->since_ns - f->c->wait_most_ns;

    if (f->c->wait_most_ns == 0 ||
        f->c->to_ns - f->c->from_ns < f->table->timeout_least_ns * 8 / 10)
        return false;
    for (size_t i = 0; i < f->urls; i++) {
        const struct backend_notes *notes = judge_notes_of(f->table->backends[i]);

        if (has_harmed(notes, from_ns, f->to_ns) ||
            notes->slowness_ns > f->table->timeout_least_ns / 10 ||
            spans_meet(&notes->bad, from_ns, f->to_ns, SLACK_NS, 0))
            return true;
    }
    return false;
}

/* podop answers what it has before it ends, but not later than shutdown_timeout. */
static bool is_stopped(const struct failure *f)
{
    const int64_t timeout_ns = judge.scene->shutdown_timeout_ns * 9 / 10;

    return spans_meet(&judge.stops, f->c->from_ns, f->to_ns, SLACK_NS,
                      f->table->type == SCENE_PROGRAM ? 0 : timeout_ns);
}

/* Calls of podop fail, and what that does to URLs and programs. */
static bool have_calls_failed(const struct failure *f)
{
    const int64_t pause_ns = f->table->type == SCENE_PROGRAM ? PROGRAM_PAUSE_NS
                             : f->was_refused || f->urls > 1 ? f->pause_ns
                                                             : 0;

    return f->table->type != SCENE_JSON &&
           spans_meet(&judge.calls, f->since_ns, f->to_ns, pause_ns + SLACK_NS, 0);
}

enum excuse_reason excuse_of_world(const struct excuse_case *c)
{
    const struct failure f = failure_of(c);

    if (c->from_ns >= judge.recovered_ns)
        return EXCUSE_NONE;
    return have_calls_failed(&f) ? EXCUSE_CALLS : excuse_type(&f);
}

enum excuse_reason excuse(const struct excuse_case *c)
{
    const struct failure f = failure_of(c);

    if (c->from_ns >= judge.recovered_ns)
        return EXCUSE_NONE;
    if (is_stopped(&f))
        return EXCUSE_STOP;
    if (spans_meet(&judge_table_notes(c->table)->absent, c->from_ns, c->to_ns, SLACK_NS, 0))
        return EXCUSE_ABSENT;
    if (have_calls_failed(&f))
        return EXCUSE_CALLS;
    return is_after_broken(&f) ? EXCUSE_BEFORE : excuse_type(&f);
}
