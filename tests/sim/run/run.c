#include "run.h"

#include "lives.h"
#include "podop_faults.h"
#include "stage.h"

#include "../model/judge.h"
#include "../world/admin.h"
#include "../world/dovecot.h"
#include "../world/nuisances.h"
#include "../world/postfix.h"

#include "podop/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POSTFIX_CLIENTS = 8,
    DOVECOT_CLIENTS = 12,
    TICKS = 1000, /* of the busy phase */
};

static const int64_t SECOND = 1000000000;

static const struct {
    const char *name;
    double seconds, pace, client_pause_s;
} profiles[RUN_PROFILES] = {
    [RUN_DENSE] = {"dense", 60, 1, 0.1},
    [RUN_DAILY] = {"daily", 6 * 3600, 60, 0.1},
    [RUN_LONG] = {"long", 50 * 86400.0, 5000, 0.5},
};

const char *run_profile_name(enum run_profile profile)
{
    return profiles[profile].name;
}

bool run_find_profile(const char *name, enum run_profile *profile)
{
    for (int i = 0; i < RUN_PROFILES; i++) {
        *profile = (enum run_profile)i;
        if (strcmp(profiles[i].name, name) == 0)
            return true;
    }
    fprintf(stderr, "podop_sim: no such profile: %s\n", name);
    return false;
}

struct run {
    const struct run_options *options;
    struct scene scene;
    struct world world;
    struct stage stage;
    struct postfix postfix[POSTFIX_CLIENTS];
    struct dovecot dovecot[DOVECOT_CLIENTS];
    size_t postfix_count, dovecot_count;
    struct sim_event next; /* the next look at the phase */
    int64_t tick_ns, busy_until_ns, phase_until_ns;
};

/* Clients */

static char *name_of(const char *kind, size_t number)
{
    char *name;

    if (asprintf(&name, "%s.%zu", kind, number) == -1)
        abort();
    return name;
}

static int64_t pause_of(const struct run *run, struct sim_random *random)
{
    const double mean_s = profiles[run->options->profile].client_pause_s;

    return (int64_t)(mean_s * 2 * sim_random_unit(random) * 1e9);
}

static void start_postfix(struct run *run, struct sim_random *random)
{
    for (size_t i = 0; i < POSTFIX_CLIENTS; i++) {
        char *name = name_of("postfix", i);
        const int64_t pause_ns = pause_of(run, random);

        if (world_has_actor(name))
            postfix_start(&run->postfix[run->postfix_count++], &run->world, name,
                          i % 2 == 0 ? 1 : 8, pause_ns);
    }
}

static bool has_dict(const struct scene_table *table)
{
    return table->type != SCENE_DNS;
}

static unsigned user_of(const struct scene_table *table, unsigned number)
{
    return table->has_spellings ? SCENE_USERS - 1 - number % 2 : number % SCENE_USERS;
}

static bool is_writer(const struct scene_table *table, unsigned number)
{
    return table->is_writable && (table->has_spellings || number < SCENE_USERS);
}

/* In a table without several spellings, one client writes the keys of a user; in others, several
 * do.
 */
static void start_dovecot(struct run *run, struct sim_random *random)
{
    unsigned users[SCENE_TABLES_MAX] = {0};

    for (size_t i = 0; i < DOVECOT_CLIENTS; i++) {
        char *name = name_of("dovecot", i);
        const int64_t pause_ns = pause_of(run, random);
        const struct scene_table *table = world_table(&run->world, random, has_dict);
        unsigned *user;

        if (table == NULL)
            return;
        user = &users[table - run->scene.tables];
        if (world_has_actor(name))
            dovecot_start(&run->dovecot[run->dovecot_count++], &run->world, name, table,
                          user_of(table, *user), is_writer(table, *user), pause_ns);
        ++*user;
    }
}

static bool are_clients_done(const struct run *run)
{
    for (size_t i = 0; i < run->postfix_count; i++) {
        if (!client_is_done(&run->postfix[i].client))
            return false;
    }
    for (size_t i = 0; i < run->dovecot_count; i++) {
        if (!client_is_done(&run->dovecot[i].client))
            return false;
    }
    return admin_is_done();
}

/* Phases */

/* A run of few requests spends none of its time on more of them while podop recovers. */
static double pace_of(const struct run *run, enum world_phase phase)
{
    const double pace = profiles[run->options->profile].pace;

    return phase == WORLD_RECOVERING && run->options->requests > 0 ? 8 * pace : pace;
}

static void begin(struct run *run, enum world_phase phase, int64_t for_ns)
{
    static const char *const names[] = {
        [WORLD_BUSY] = "busy", [WORLD_RECOVERING] = "recovering",
        [WORLD_CALM] = "calm", [WORLD_DRAINING] = "draining",
        [WORLD_OVER] = "over",
    };

    sim_trace("phase %s", names[phase]);
    run->world.phase = phase;
    run->world.pace = pace_of(run, phase);
    run->phase_until_ns = sim_now() + for_ns;
}

static void end_faults(struct run *run)
{
    static const int64_t recovery_ns = 31 * SECOND;

    stage_mend(&run->stage);
    podop_faults_mend(&run->world);
    begin(run, WORLD_RECOVERING, recovery_ns);
    judge_recovered(sim_now() + recovery_ns);
}

/* podop must have noticed by now what was written while the faults ended. */
static void be_calm(struct run *run)
{
    for (size_t i = 0; i < run->scene.table_count; i++) {
        if (run->scene.tables[i].type == SCENE_JSON)
            judge_renewed(&run->scene.tables[i], scene_json_written_ns());
    }
    begin(run, WORLD_CALM, 2 * SECOND);
}

static void finish(struct run *run)
{
    begin(run, WORLD_OVER, 0);
    lives_stop(&run->world);
}

static void go_on(struct run *run)
{
    const struct run_options *options = run->options;
    struct world *world = &run->world;

    switch (world->phase) {
    case WORLD_BUSY:
        if (sim_now() >= run->busy_until_ns ||
            (options->requests > 0 && world_requests(world) >= options->requests))
            end_faults(run);
        break;
    case WORLD_RECOVERING:
        if (sim_now() >= run->phase_until_ns)
            be_calm(run);
        break;
    case WORLD_CALM:
        if (sim_now() >= run->phase_until_ns)
            begin(run, WORLD_DRAINING, 60 * SECOND);
        break;
    case WORLD_DRAINING:
        if (are_clients_done(run))
            finish(run);
        else if (sim_now() >= run->phase_until_ns)
            sim_broken("unanswered", "requests wait a minute after everything was mended");
        break;
    case WORLD_OVER: break;
    }
}

static void look(void *arg)
{
    struct run *run = arg;

    lives_check_stop(&run->world);
    go_on(run);
    sim_event_in(&run->next, run->world.phase == WORLD_BUSY ? run->tick_ns : SECOND / 10);
}

static void begin_busy(struct run *run)
{
    const double seconds =
        run->options->seconds > 0 ? run->options->seconds : profiles[run->options->profile].seconds;

    run->world.began_ns = sim_now();
    run->busy_until_ns = sim_now() + (int64_t)(seconds * 1e9);
    run->tick_ns = (int64_t)(seconds * 1e9 / TICKS) + 1;
    sim_event_init(&run->next, look, run);
    sim_event_in(&run->next, run->tick_ns);
}

/* The end */

static void print_text(const struct run *run)
{
    const struct world *world = &run->world;
    const double seconds = (double)(sim_now() - world->began_ns) / 1e9;

    printf("seed %" PRIu64 ": %.0f s, %" PRIu64 " requests, %" PRIu64 " turns, %" PRIu64
           " lives, %016" PRIx64 ";",
           run->options->seed, seconds, world_requests(world), sim_usage().turns, world->lives,
           sim_transcript_hash());
    for (size_t i = 0; i < WORLD_COUNTS; i++) {
        if (world->counts[i] > 0)
            printf(" %s %" PRIu64 ",", world_count_names[i], world->counts[i]);
    }
    printf(" faults");
    for (size_t i = 0; i < WORLD_FAULT_KINDS_MAX && world->faults[i].name != NULL; i++)
        printf(", %s %" PRIu64, world->faults[i].name, world->faults[i].count);
    printf("\n");
}

static void print_excuses(void)
{
    const struct judge_figures *figures = judge_figures();
    const char *separator = "";

    printf("\"excused\": {");
    for (unsigned i = 0; judge_excuse_name(i) != NULL; i++) {
        if (figures->excused[i] > 0) {
            printf("%s\"%s\": %" PRIu64, separator, judge_excuse_name(i), figures->excused[i]);
            separator = ", ";
        }
    }
    printf("}");
}

static void print_json(const struct run *run)
{
    const struct world *world = &run->world;
    const struct sim_usage usage = sim_usage();

    printf("{\"seed\": %" PRIu64 ", \"ns\": %" PRId64 ", \"hash\": \"%016" PRIx64
           "\", \"turns\": %" PRIu64 ", \"calls\": %" PRIu64 ", \"calls_of_turn\": %" PRIu64
           ", \"lives\": %" PRIu64 ", \"requests\": {",
           run->options->seed, sim_now() - world->began_ns, sim_transcript_hash(), usage.turns,
           usage.calls, usage.calls_of_longest_turn, world->lives);
    for (size_t i = 0; i < WORLD_COUNTS; i++)
        printf("%s\"%s\": %" PRIu64, i == 0 ? "" : ", ", world_count_names[i], world->counts[i]);
    printf("}, \"faults\": {");
    for (size_t i = 0; i < WORLD_FAULT_KINDS_MAX && world->faults[i].name != NULL; i++)
        printf("%s\"%s\": %" PRIu64, i == 0 ? "" : ", ", world->faults[i].name,
               world->faults[i].count);
    printf("}, ");
    print_excuses();
    printf("}\n");
}

static void check_writes(const struct run *run)
{
    const size_t left = ledger_pending(run->world.ledger);

    ledger_trace_pending(run->world.ledger);
    if (left > 0)
        sim_broken("write not made", "%zu acknowledged writes are not in the stores", left);
}

int run_seed(const struct run_options *options)
{
    static struct run run;
    struct sim_random random;

    sim_begin(options->seed);
    sim_trace_at_once(options->is_traced);
    sim_trace_keep(options->is_kept);
    world_cast(options->cast);
    run.options = options;
    run.world = (struct world){.scene = &run.scene, .pace = profiles[options->profile].pace};
    scene_make(&run.scene, options->directory, options->only);
    stage_open(&run.stage, &run.world);
    random = sim_random_of("clients");
    start_postfix(&run, &random);
    start_dovecot(&run, &random);
    admin_start(&run.world);
    nuisances_start(&run.world);
    stage_start_faults(&run.stage);
    podop_faults_start(&run.world);
    if (options->cast.is_listed)
        return 0;
    begin_busy(&run);
    lives_run(&run.world);
    check_writes(&run);
    if (options->is_json)
        print_json(&run);
    else
        print_text(&run);
    stage_close(&run.stage);
    return 0;
}
