#include "judge.h"

#include "judge_state.h"

#include "../kernel/kernel.h"

#include "podop/mem.h"

#include <stdlib.h>
#include <string.h>

struct judge judge;

static const char *const reason_names[EXCUSE_REASONS] = {
    [EXCUSE_NONE] = "none",
    [EXCUSE_STOP] = "podop stops",
    [EXCUSE_ABSENT] = "no such table",
    [EXCUSE_CALLS] = "calls fail",
    [EXCUSE_KEY] = "a key is broken",
    [EXCUSE_STATUS] = "5xx to all",
    [EXCUSE_BROKEN] = "broken answers to all",
    [EXCUSE_OUTAGE] = "backend out",
    [EXCUSE_CUT] = "connections cut",
    [EXCUSE_CROWDED] = "requests hang",
    [EXCUSE_NAMES] = "no name server",
    [EXCUSE_PROGRAM] = "programs died",
    [EXCUSE_SUSPENDED] = "suspended for several keys",
    [EXCUSE_BEFORE] = "after a broken transaction",
};

void judge_init(const struct scene *scene, struct truth *const *stores, struct ledger *ledger)
{
    judge_deinit();
    judge.scene = scene;
    judge.stores = stores;
    judge.ledger = ledger;
    judge.began_ns = judge.started_ns = sim_now();
    judge.recovered_ns = INT64_MAX;
}

void judge_deinit(void)
{
    struct key_harms *harms;

    for (size_t i = 0; i < SCENE_TABLES_MAX * JUDGE_SLOTS; i++) {
        struct key_harms **slot = &judge.backends[i / JUDGE_SLOTS].slots[i % JUDGE_SLOTS];

        while ((harms = *slot) != NULL) {
            *slot = harms->next;
            free(harms);
        }
    }
    memset(&judge, 0, sizeof(judge));
}

struct truth *judge_store(const struct scene_table *table)
{
    return judge.stores[table->store];
}

struct truth *judge_store_of(const struct scene_backend *backend)
{
    return judge.stores[backend->store];
}

const struct scene_table *judge_table(const char *name, size_t len)
{
    for (size_t i = 0; i < judge.scene->table_count; i++) {
        const struct scene_table *table = &judge.scene->tables[i];

        if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
            return table;
    }
    return NULL;
}

struct backend_notes *judge_notes_of(const struct scene_backend *backend)
{
    return &judge.backends[backend - judge.scene->backends];
}

struct table_notes *judge_table_notes(const struct scene_table *table)
{
    return &judge.tables[table - judge.scene->tables];
}

static const int64_t SLOW_NS = 50000000; /* below this, no request can miss its timeout */

/* Notes of backends */

static bool is_absence(enum judge_outage kind)
{
    return kind == JUDGE_REFUSED || kind == JUDGE_SILENT || kind == JUDGE_MOVED;
}

void judge_out(const struct scene_backend *backend, enum judge_outage kind)
{
    struct backend_notes *notes = judge_notes_of(backend);

    spans_open(&notes->outages[kind], sim_now());
    ledger_doubt(judge.ledger, sim_now());
    if (is_absence(kind))
        spans_open(&notes->bad, sim_now());
}

void judge_back(const struct scene_backend *backend, enum judge_outage kind)
{
    struct backend_notes *notes = judge_notes_of(backend);

    if (is_absence(kind) && spans_is_open(&notes->outages[kind]))
        spans_close(&notes->bad, sim_now());
    spans_close(&notes->outages[kind], sim_now());
    ledger_doubt(judge.ledger, sim_now());
}

static size_t slot_of(const struct truth_key *key)
{
    return ((uintptr_t)key >> 6) % JUDGE_SLOTS;
}

const struct key_harms *judge_harms_of(const struct backend_notes *notes,
                                       const struct truth_key *key)
{
    const struct key_harms *harms = notes->slots[slot_of(key)];

    while (harms != NULL && harms->key != key)
        harms = harms->next;
    return harms;
}

static struct key_harms *harms_of(struct backend_notes *notes, const struct truth_key *key)
{
    struct key_harms **slot = &notes->slots[slot_of(key)], *harms = *slot;

    while (harms != NULL && harms->key != key)
        harms = harms->next;
    if (harms != NULL)
        return harms;
    harms = xcalloc(1, sizeof(*harms));
    harms->key = key;
    harms->next = *slot;
    *slot = harms;
    return harms;
}

/* Rows of failures */

static size_t place_of(bool has_other_path, bool has_other_host)
{
    return 2 * (size_t)has_other_path + has_other_host;
}

static struct row *row_of(const struct judge_request *r)
{
    struct row *rows = judge_notes_of(r->backend)->rows[r->table - judge.scene->tables];

    return &rows[r->is_commit * JUDGE_PLACES + place_of(r->has_other_path, r->has_other_host)];
}

static bool has_key(const struct row *row, const struct truth_key *key)
{
    size_t i = 0;

    while (i < row->key_count && row->keys[i] != key)
        i++;
    return i < row->key_count || row->key_count == JUDGE_ROW;
}

static void check_row(struct row *row)
{
    row->last_ns = sim_now();
    if (row->key_count + row->cut_count >= JUDGE_ROW || row->statuses >= JUDGE_ROW)
        spans_set(&row->suspended, true, sim_now());
}

static void answered(struct row *row)
{
    row->key_count = row->cut_count = 0;
    if (row->statuses < JUDGE_ROW)
        spans_set(&row->suspended, false, sim_now());
}

void judge_outcome(const struct judge_request *request, enum judge_outcome outcome)
{
    struct row *row = row_of(request);

    judge_name_reached(judge_notes_of(request->backend));
    row->used_ns = sim_now();
    switch (outcome) {
    case JUDGE_ANSWERED:
        row->statuses = 0;
        answered(row);
        break;
    case JUDGE_STATUS_5XX:
        answered(row);
        row->statuses++;
        check_row(row);
        break;
    case JUDGE_UNANSWERED:
        if (!has_key(row, request->key))
            row->keys[row->key_count++] = request->key;
        check_row(row);
        break;
    }
}

/* Whether podop may have requests under way at this place. */
static bool is_in_use(const struct scene_table *table, const struct row *row, size_t place)
{
    return place == place_of(table->has_other_path, table->has_other_host) ||
           sim_now() - row->used_ns < table->timeout_most_ns;
}

static void cut_rows(struct backend_notes *notes, size_t connections)
{
    for (size_t i = 0; i < judge.scene->table_count; i++) {
        for (size_t j = 0; j < 2 * JUDGE_PLACES; j++) {
            struct row *row = &notes->rows[i][j];

            if (!is_in_use(&judge.scene->tables[i], row, j % JUDGE_PLACES))
                continue;
            row->cut_count += connections;
            check_row(row);
        }
    }
}

void judge_harm(const struct scene_backend *backend, const struct truth_key *key,
                enum judge_harm kind)
{
    struct spans *points = &harms_of(judge_notes_of(backend), key)->points[kind];

    if (kind == JUDGE_HARM_HANG)
        spans_open(points, sim_now());
    else
        spans_point(points, sim_now());
}

void judge_harm_over(const struct scene_backend *backend, const struct truth_key *key)
{
    spans_close(&harms_of(judge_notes_of(backend), key)->points[JUDGE_HARM_HANG], sim_now());
}

bool judge_was_as_miss(const struct scene_table *table, const struct truth_key *key,
                       int64_t from_ns)
{
    for (size_t i = 0; i < table->backend_count && !table->is_strict; i++) {
        const struct key_harms *harms = judge_harms_of(judge_notes_of(table->backends[i]), key);

        if (harms != NULL &&
            spans_meet(&harms->points[JUDGE_HARM_AS_MISS], from_ns, sim_now(), 0, 0))
            return true;
    }
    return false;
}

void judge_cut(const struct scene_backend *backend, size_t connections)
{
    cut_rows(judge_notes_of(backend), connections);
    spans_point(&judge_notes_of(backend)->cuts, sim_now());
    ledger_doubt(judge.ledger, sim_now());
}

void judge_slowness(const struct scene_backend *backend, int64_t ns)
{
    struct backend_notes *notes = judge_notes_of(backend);

    spans_set(&notes->outages[JUDGE_SLOW], ns >= SLOW_NS, sim_now());
    if (ns > notes->slowness_ns)
        notes->slowness_ns = ns;
}

void judge_idle_ended(const struct scene_backend *backend)
{
    spans_point(&judge_notes_of(backend)->idle_ends, sim_now());
}

void judge_program_died(const struct scene_backend *backend)
{
    spans_point(&judge_notes_of(backend)->deaths, sim_now());
    ledger_doubt(judge.ledger, sim_now());
}

/* Notes of tables and of podop */

void judge_absent(const struct scene_table *table, bool is_absent)
{
    struct spans *absent = &judge_table_notes(table)->absent;

    if (!is_absent && spans_is_open(absent))
        judge_table_returns(table);
    spans_set(absent, is_absent, sim_now());
}

bool judge_can_be_absent(const struct scene_table *table, int64_t at_ns)
{
    return spans_meet(&judge_table_notes(table)->absent, at_ns, at_ns, 0, 0);
}

void judge_renewed(const struct scene_table *table, int64_t file_ns)
{
    struct table_notes *notes = judge_table_notes(table);

    notes->renewals[notes->renewal_count++ % JUDGE_RENEWALS] =
        (struct renewal){.known_ns = sim_now(), .file_ns = file_ns};
}

void judge_file_broken(const struct scene_table *table, bool is_broken)
{
    spans_set(&judge_table_notes(table)->broken_file, is_broken, sim_now());
}

void judge_stopping(void)
{
    spans_set(&judge.stops, true, sim_now());
}

/* Why a pending write could not be made until the end of the stop, or NULL. */
static const char *reason_for_loss(const struct scene_table *table, const struct truth_key *key)
{
    const struct excuse_case loss = {.table = table,
                                     .key = key,
                                     .from_ns = spans_last_from_ns(&judge.stops),
                                     .to_ns = sim_now(),
                                     .is_write = true};
    const enum excuse_reason reason = excuse_of_world(&loss);

    return reason == EXCUSE_NONE ? NULL : reason_names[reason];
}

void judge_stopped(void)
{
    judge_stopping();
    ledger_doubt(judge.ledger, sim_now());
    ledger_stopped(judge.ledger, reason_for_loss, sim_now());
}

void judge_started(void)
{
    spans_close(&judge.stops, sim_now());
    judge.started_ns = sim_now();
    judge_names_forgotten();
}

void judge_paused(int64_t ns)
{
    spans_add(&judge.pauses, sim_now(), sim_now() + ns);
}

int64_t judge_paused_ns(int64_t from_ns, int64_t to_ns)
{
    return spans_cover(&judge.pauses, from_ns, to_ns);
}

void judge_calls_fail(bool can_fail)
{
    spans_set(&judge.calls, can_fail, sim_now());
    judge_names_disturbed();
    ledger_doubt(judge.ledger, sim_now());
}

void judge_recovered(int64_t at_ns)
{
    judge.recovered_ns = at_ns;
}

const struct judge_figures *judge_figures(void)
{
    return &judge.figures;
}

const char *judge_excuse_name(unsigned reason)
{
    return reason < EXCUSE_REASONS ? reason_names[reason] : NULL;
}
