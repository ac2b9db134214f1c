#include "lives.h"

#include "podop_main.h"

#include "../model/judge.h"
#include "../model/keys.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t MS = 1000000;

void lives_stop(struct world *world)
{
    if (!world->is_podop_up || world->stop_told_ns >= world->started_ns)
        return;
    world->stop_told_ns = sim_now();
    judge_stopping();
    sim_signal(SIGTERM);
}

void lives_check_stop(const struct world *world)
{
    static const int64_t slack_ns = 60000 * MS; /* for pauses, which do not count */

    if (world->is_podop_up && world->stop_told_ns >= world->started_ns &&
        sim_now() - world->stop_told_ns > world->scene->shutdown_timeout_most_ns + slack_ns)
        sim_broken("stop takes too long", "podop runs a minute after shutdown_timeout");
}

/* The log */

/* Returns the text after " NAME=" in the line, or NULL. */
static const char *field(const char *line, const char *name)
{
    char wanted[40];
    const char *at;

    snprintf(wanted, sizeof(wanted), " %s=", name);
    at = strstr(line, wanted);
    return at == NULL ? NULL : at + strlen(wanted);
}

static void take_write_lost(const struct world *world, const char *line)
{
    const char *name = field(line, "table"), *count = field(line, "writes");
    const struct scene_table *table = name == NULL ? NULL : judge_table(name, strcspn(name, " \n"));

    if (table == NULL || count == NULL)
        sim_broken("unknown log line", "%s", line);
    if (world->stop_told_ns < world->started_ns) /* else ledger_stopped() counts them */
        ledger_gave_up(world->ledger, table, (unsigned)strtoul(count, NULL, 10));
}

/* podop reads a json file when it has not changed for a moment. A line that comes long after the
 * last change is about that change, unless the log was late. */
static void take_json_renewed(const struct world *world, const char *line)
{
    static const int64_t late_ns = 2000 * MS;
    const char *name = field(line, "table");
    const struct scene_table *table = name == NULL ? NULL : judge_table(name, strcspn(name, " \n"));
    const int64_t written_ns = scene_json_written_ns();

    if (table != NULL && sim_now() - written_ns > late_ns && world->log_flows_ns < written_ns)
        judge_renewed(table, written_ns);
}

static void on_log_line(void *arg, const char *line)
{
    const struct world *world = arg;

    if (strstr(line, "write_lost") != NULL)
        take_write_lost(world, line);
    else if (strstr(line, "json_renewed") != NULL)
        take_json_renewed(world, line);
}

/* Lives */

static void check_end(const struct world *world, int status)
{
    const struct sim_usage usage = sim_usage();

    if (status != 0 && world->calls_failed_ns < world->started_ns)
        sim_broken("exit status", "podop ended with %d", status);
    if (usage.descriptors > 0)
        sim_broken("descriptors left", "%zu after podop's end", usage.descriptors);
    if (usage.processes > 0)
        sim_broken("processes left", "%zu after podop's end", usage.processes);
    if (usage.threads > 0)
        sim_broken("threads left", "%zu after podop's end", usage.threads);
    if (status == 0 && world->stop_told_ns < world->started_ns)
        sim_broken("ended by itself", "nobody told podop to stop");
}

/* A fault of a file would keep podop from starting. */
static void write_good_files(const struct world *world)
{
    struct scene *scene = world->scene;

    scene->is_faulty = false;
    scene_write(scene);
    for (size_t i = 0; i < scene->table_count; i++) {
        if (scene->tables[i].type == SCENE_JSON)
            scene_write_json(&scene->tables[i], true, false);
    }
}

static void tell_judge(const struct world *world)
{
    struct scene *scene = world->scene;

    judge_started();
    for (size_t i = 0; i < scene->table_count; i++) {
        keys_changed(&scene->tables[i], sim_now());
        judge_absent(&scene->tables[i], scene->tables[i].is_absent);
        if (scene->tables[i].type == SCENE_JSON)
            judge_renewed(&scene->tables[i], sim_now());
    }
}

/* A new process blocks no signals. The last life has blocked all of them at its end. */
static void unblock_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void live_once(struct world *world)
{
    char *argv[] = {(char[]){"podop"}, (char[]){"-c"}, strdup(world->scene->config), NULL};
    int status;

    world->lives++;
    world->started_ns = sim_now();
    world->is_podop_up = true;
    sim_trace("podop starts");
    write_good_files(world);
    tell_judge(world);
    unblock_signals();
    status = podop_main(3, argv);
    sim_podop_ended();
    sim_trace("podop ends with %d", status);
    world->is_podop_up = false;
    world->ended_ns = sim_now();
    judge_stopped();
    check_end(world, status);
    free(argv[2]);
}

void lives_run(struct world *world)
{
    struct sim_random random = sim_random_of("lives");

    sim_log_read(on_log_line, world);
    for (;;) {
        live_once(world);
        if (world->phase == WORLD_OVER)
            return;
        sim_run_for((int64_t)sim_random(&random, 3000) * MS);
    }
}
