#include "podop_faults.h"

#include "lives.h"

#include "../model/judge.h"
#include "../model/keys.h"
#include "../world/actor.h"
#include "../world/admin.h"

#include "podop/mem.h"

#include <math.h>
#include <signal.h>

static const int64_t SECOND = 1000000000;

/* Reloads */

static bool is_known; /* podop has the scene as it is */
static int64_t changed_ns;
static struct sim_event again;

static void tell_judge(const struct scene *scene)
{
    for (size_t i = 0; i < scene->table_count; i++)
        judge_absent(&scene->tables[i], scene->tables[i].is_absent);
}

static void tell_judge_of_absent(const struct scene *scene)
{
    for (size_t i = 0; i < scene->table_count; i++) {
        if (scene->tables[i].is_absent)
            judge_absent(&scene->tables[i], true);
    }
}

static void change(struct world *world, enum scene_change kind, struct sim_random *random)
{
    is_known = false;
    changed_ns = sim_now();
    scene_change(world->scene, kind, random);
    tell_judge_of_absent(world->scene);
}

static void reloaded(struct world *world, bool is_ok, int64_t asked_ns)
{
    if (!is_ok || asked_ns < changed_ns)
        return;
    is_known = true;
    tell_judge(world->scene);
    for (size_t i = 0; i < world->scene->table_count; i++)
        keys_changed(&world->scene->tables[i], sim_now());
}

static void reload(struct actor *a)
{
    const enum scene_change kind = (enum scene_change)sim_random(&a->random, SCENE_CHANGES);

    world_fault(a->world, "reload", "%s", scene_change_names[kind]);
    change(a->world, kind, &a->random);
    if (sim_chance(&a->random, 0.3))
        sim_signal(SIGHUP);
    else
        admin_reload(a->world, reloaded);
}

/* A second reload comes soon after a first one, while what the first one found is under way. */
static struct sim_event second;
static struct sim_random second_random;

static void reload_second(void *arg)
{
    static const enum scene_change kinds[] = {SCENE_KEYS, SCENE_PLACES, SCENE_TABLE_BACK,
                                              SCENE_OTHER_BACK};
    struct world *world = arg;
    const enum scene_change kind = kinds[sim_random(&second_random, ARRAY_LEN(kinds))];

    world_fault(world, "reload", "%s, soon after another", scene_change_names[kind]);
    change(world, kind, &second_random);
    admin_reload(world, reloaded);
}

static void reload_twice(struct actor *a)
{
    static const enum scene_change kinds[] = {SCENE_KEYS, SCENE_PLACES, SCENE_TABLE_AWAY};
    const enum scene_change kind = kinds[sim_random(&a->random, ARRAY_LEN(kinds))];

    world_fault(a->world, "reload", "%s, and another soon", scene_change_names[kind]);
    change(a->world, kind, &a->random);
    admin_reload(a->world, reloaded);
    second_random = a->random;
    sim_event_in(&second, actor_duration(a, 0.001, 1));
}

/* Signals at awkward moments: some in a row while a reload is under way, or a configuration that
 * vanishes or comes back after SIGHUP was sent. */
static struct sim_event next_signal;
static unsigned signals_left;
static bool is_config_away;

static void send_next(void *arg)
{
    struct world *world = arg;

    if (is_config_away || world->phase != WORLD_BUSY) {
        is_config_away = false;
        scene_write(world->scene);
    }
    if (signals_left == 0)
        return;
    signals_left--;
    sim_signal(signals_left % 3 == 2 ? SIGUSR1 : SIGHUP);
    sim_event_in(&next_signal, signals_left % 2 == 0 ? 0 : 100000);
}

static void storm(struct actor *a)
{
    world_fault(a->world, "signals", "now");
    if (sim_chance(&a->random, 0.3)) {
        is_config_away = true;
        sim_file_write(a->world->scene->config, NULL, SIM_RENAME);
    }
    signals_left = 1 + (unsigned)sim_random(&a->random, 30);
    sim_signal(SIGHUP);
    sim_event_in(&next_signal, (int64_t)sim_random(&a->random, 3000000));
}

static void reload_again(void *arg)
{
    struct world *world = arg;

    if (is_known || world->phase >= WORLD_DRAINING)
        return;
    admin_reload(world, reloaded);
    sim_event_in(&again, SECOND);
}

/* Others */

static void stop(struct actor *a)
{
    if (!a->world->is_podop_up)
        return;
    world_fault(a->world, "stop", "now");
    lives_stop(a->world);
}

/* A pause begins with a turn: podop would not notice one that begins and ends while it waits. */
static int64_t pause_ns;

static void on_turn(void *arg)
{
    (void)arg;
    if (pause_ns == 0)
        return;
    judge_paused(pause_ns);
    sim_pause_podop(pause_ns);
    pause_ns = 0;
}

static void pause_podop(struct actor *a)
{
    pause_ns = actor_duration(a, 0.001, 30);
    world_fault(a->world, "pause", "%.3fs", (double)pause_ns / 1e9);
}

static void step_clock(struct actor *a)
{
    const int64_t ns = actor_duration(a, 0.1, 100000);

    world_fault(a->world, "clock", "%.3fs", (double)ns / 1e9);
    sim_wall_step(sim_chance(&a->random, 0.5) ? ns : -ns);
}

static void count_signal(struct actor *a)
{
    world_fault(a->world, "SIGUSR1", "now");
    sim_signal(SIGUSR1);
}

static struct sim_event log_flows;

static void let_log_flow(void *arg)
{
    struct world *world = arg;

    sim_log_block(false);
    world->log_flows_ns = sim_now();
}

static void block_log(struct actor *a)
{
    const int64_t ns = actor_duration(a, 0.01, 30);

    world_fault(a->world, "log blocks", "%.3fs", (double)ns / 1e9);
    a->world->log_flows_ns = INT64_MAX;
    sim_log_block(true);
    sim_event_in(&log_flows, ns);
}

/* Calls that succeed in another way than usual harm nobody; calls that fail do. */

static struct sim_event calls_work;
static struct sim_call_faults odd; /* always in use */

static void let_calls_work(void *arg)
{
    struct world *world = arg;

    world->calls_failed_ns = sim_now();
    sim_call_faults(odd);
    judge_calls_fail(false);
}

static double some(struct actor *a)
{
    return sim_chance(&a->random, 0.4) ? pow(sim_random_unit(&a->random), 3) / 3 : 0;
}

static void fail_calls(struct actor *a)
{
    struct sim_call_faults faults = odd;
    const int64_t ns = actor_duration(a, 0.01, 5);

    faults.send_fails = some(a);
    faults.no_memory = some(a);
    faults.no_descriptor = some(a);
    faults.connect_fails = some(a);
    faults.no_thread = some(a);
    faults.no_process = some(a);
    world_fault(a->world, "calls fail", "%.3fs", (double)ns / 1e9);
    a->world->calls_failed_ns = INT64_MAX;
    judge_calls_fail(true);
    sim_call_faults(faults);
    sim_event_in(&calls_work, ns);
}

static void odd_calls(struct actor *a)
{
    odd.would_block = some(a) / 3;
    odd.interrupted = some(a);
    odd.short_count = some(a);
    odd.spurious = some(a);
    odd.late_thread = some(a);
    world_fault(a->world, "odd calls", "now");
    if (calls_work.place == 0)
        sim_call_faults(odd);
}

void podop_faults_start(struct world *world)
{
    struct sim_random random = sim_random_of("reload.twice pace");
    const bool is_often = sim_chance(&random, 0.3) || world->scene->has_slow_writes;

    is_known = true;
    sim_on_turn(on_turn, NULL);
    sim_event_init(&again, reload_again, world);
    sim_event_init(&next_signal, send_next, world);
    sim_event_init(&second, reload_second, world);
    sim_event_init(&log_flows, let_log_flow, world);
    sim_event_init(&calls_work, let_calls_work, world);
    actor_start(world, "reload", reload, NULL, 5);
    actor_start(world, "reload.twice", reload_twice, NULL, is_often ? 0.5 : 6);
    actor_start(world, "signals", storm, NULL, 15);
    actor_start(world, "stop", stop, NULL, 20);
    actor_start(world, "pause", pause_podop, NULL, 15);
    actor_start(world, "clock", step_clock, NULL, 10);
    actor_start(world, "sigusr1", count_signal, NULL, 20);
    actor_start(world, "log", block_log, NULL, 20);
    actor_start(world, "calls", fail_calls, NULL, 20);
    actor_start(world, "odd", odd_calls, NULL, 10);
}

void podop_faults_mend(struct world *world)
{
    struct sim_random random = sim_random_of("mend");

    pause_ns = 0;
    odd = (struct sim_call_faults){0};
    let_calls_work(world);
    sim_event_stop(&calls_work);
    sim_event_stop(&log_flows);
    sim_event_stop(&second);
    let_log_flow(world);
    change(world, SCENE_TABLE_BACK, &random);
    reload_again(world);
}
