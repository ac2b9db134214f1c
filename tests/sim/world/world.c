#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const world_count_names[WORLD_COUNTS] = {
    [WORLD_POSTFIX_LOOKUPS] = "postfix lookups",
    [WORLD_DICT_LOOKUPS] = "dict lookups",
    [WORLD_ITERATIONS] = "iterations",
    [WORLD_COMMITS] = "transactions",
    [WORLD_COMMANDS] = "commands",
    [WORLD_UNJUDGED] = "unjudged",
    [WORLD_FOUND] = "found",
    [WORLD_MISSES] = "misses",
    [WORLD_FAILURES] = "failures",
    [WORLD_LOST] = "lost",
};

void world_fault(struct world *world, const char *kind, const char *format, ...)
{
    char text[200];
    va_list args;
    size_t i = 0;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sim_trace("fault %s %s", kind, text);
    while (i < WORLD_FAULT_KINDS_MAX - 1 && world->faults[i].name != NULL &&
           strcmp(world->faults[i].name, kind) != 0)
        i++;
    world->faults[i].name = kind;
    world->faults[i].count++;
}

void world_count_answer(struct world *world, enum judge_status status)
{
    static const enum world_count counts[] = {
        [JUDGE_FOUND] = WORLD_FOUND,
        [JUDGE_MISS] = WORLD_MISSES,
        [JUDGE_FAILED] = WORLD_FAILURES,
    };

    world->counts[counts[status]]++;
}

uint64_t world_requests(const struct world *world)
{
    uint64_t sum = 0;

    for (size_t i = 0; i <= WORLD_UNJUDGED; i++)
        sum += world->counts[i];
    return sum;
}

bool world_may_hang_up(const struct world *world, int64_t since_ns)
{
    static const int64_t travel_ns = 1000000000; /* of the end of a connection, at most */

    return world_was_stopped(world, since_ns) || world->calls_failed_ns >= since_ns - travel_ns;
}

bool world_was_stopped(const struct world *world, int64_t since_ns)
{
    return !world->is_podop_up || world->stop_told_ns >= world->started_ns ||
           world->ended_ns >= since_ns;
}

const struct scene_table *world_table(const struct world *world, struct sim_random *random,
                                      bool (*accepts)(const struct scene_table *table))
{
    const struct scene *scene = world->scene;
    const size_t first = sim_random(random, scene->table_count);

    for (size_t i = 0; i < scene->table_count; i++) {
        const struct scene_table *table = &scene->tables[(first + i) % scene->table_count];

        if (accepts == NULL || accepts(table))
            return table;
    }
    return NULL;
}

void world_key(const struct scene_table *table, struct sim_random *random,
               char key[SCENE_KEY_BYTES])
{
    const double dice = sim_random_unit(random);

    if (table->has_search && dice < 0.9)
        scene_form_key(random, false, key);
    else if (table->is_writable && dice < 0.4)
        scene_user_key(table, dice < 0.1, (unsigned)sim_random(random, SCENE_NUMBER_KEYS),
                       (unsigned)sim_random(random, SCENE_USERS), key);
    else if (table->has_lists && dice < 0.45)
        scene_listed_key((unsigned)sim_random(random, SCENE_LISTED_KEYS), key);
    else
        scene_static_key(table, (unsigned)sim_random(random, SCENE_STATIC_KEYS), key);
    scene_spell(table, random, key);
}
