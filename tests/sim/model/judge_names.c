/* judge_names.c - whether podop may have asked for the names of backends in vain. It asks for a
 * name when the first table that uses it comes, and forgets it with the last one. */
#include "judge_state.h"

#include "../kernel/kernel.h"

static const int64_t PATIENCE_NS = 10000000000; /* the first question takes at most this */
static const int64_t QUERY_NS = 1000000000;     /* until another name server is asked */

static bool can_fail(void)
{
    const struct spans *causes[] = {&judge.names, &judge.names_slow, &judge.calls};

    for (size_t i = 0; i < sizeof(causes) / sizeof(*causes); i++) {
        if (spans_meet(causes[i], sim_now(), sim_now(), QUERY_NS, 0))
            return true;
    }
    return false;
}

static void ask(struct backend_notes *notes)
{
    notes->naming = (struct naming){.since_ns = sim_now(), .may_fail = can_fail()};
}

void judge_names_disturbed(void)
{
    for (size_t i = 0; i < SCENE_TABLES_MAX; i++) {
        struct naming *naming = &judge.backends[i].naming;

        naming->may_fail |= sim_now() < naming->since_ns + PATIENCE_NS && can_fail();
    }
}

void judge_names(bool can_resolve)
{
    spans_set(&judge.names, !can_resolve, sim_now());
    judge_names_disturbed();
}

void judge_names_slow(bool is_slow)
{
    spans_set(&judge.names_slow, is_slow, sim_now());
    judge_names_disturbed();
}

void judge_names_forgotten(void)
{
    for (size_t i = 0; i < SCENE_TABLES_MAX; i++)
        ask(&judge.backends[i]);
}

static bool is_used(const struct scene_backend *backend)
{
    bool is_used = false;

    for (size_t i = 0; i < judge.scene->table_count; i++) {
        const struct scene_table *table = &judge.scene->tables[i];

        for (size_t j = 0; j < table->backend_count; j++)
            is_used |= table->backends[j] == backend && !spans_is_open(&judge.tables[i].absent);
    }
    return is_used;
}

void judge_table_returns(const struct scene_table *table)
{
    for (size_t i = 0; i < table->backend_count; i++) {
        if (!is_used(table->backends[i]))
            ask(judge_notes_of(table->backends[i]));
    }
}

void judge_name_reached(struct backend_notes *notes)
{
    if (notes->naming.reached_ns == 0)
        notes->naming.reached_ns = sim_now();
}
