/* stage_faults.c - what backends and name servers do by the seed. */
#include "stage.h"

#include "../world/tls_server.h"

#include "../model/keys.h"

#include "podop/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An actor's data: one backend. */
struct part {
    struct stage *stage;
    size_t place; /* of the backend in the scene, of the name server, or the number of the store */
};

static const struct scene_backend *backend_of(const struct part *part)
{
    return &part->stage->world->scene->backends[part->place];
}

/* Returns a key of a table that this backend serves, or NULL when nothing has put it yet. */
static struct truth_key *choose_key(struct actor *a, unsigned store)
{
    const struct scene *scene = a->world->scene;
    const struct scene_table *table;
    char key[SCENE_KEY_BYTES];

    do
        table = &scene->tables[sim_random(&a->random, scene->table_count)];
    while (table->store != store);
    world_key(table, &a->random, key);
    if (table->has_search)
        scene_form_key(&a->random, true, key);
    else if (table->has_spellings) /* as podop asks for it now */
        return keys_normal(truth_add(judge_store(table), key, strlen(key)), table->rules);
    return truth_find(judge_store(table), key, strlen(key));
}

/* HTTP */

static void web_out(struct actor *a)
{
    const struct part *part = a->data;
    const unsigned kinds = backend_of(part)->authority == NULL ? HTTP_TLS_HANGS : HTTP_OUTAGES;
    const enum http_outage outage =
        (enum http_outage)(HTTP_UP + 1 + sim_random(&a->random, kinds - 1));
    const int64_t ns = actor_duration(a, 0.005, 20);

    world_fault(a->world, http_outage_names[outage], "%s for %.3fs", backend_of(part)->name,
                (double)ns / 1e9);
    http_backend_out(part->stage->webs[part->place], outage, ns);
}

static void web_key(struct actor *a)
{
    const struct part *part = a->data;
    const enum http_fault fault =
        (enum http_fault)(HTTP_WELL + 1 + sim_random(&a->random, HTTP_FAULTS - 1));
    const struct truth_key *key = choose_key(a, backend_of(part)->store);
    const int64_t ns = actor_duration(a, 0.1, 20);

    if (key == NULL)
        return;
    world_fault(a->world, http_fault_names[fault], "%s %s for %.3fs", backend_of(part)->name,
                truth_name(key), (double)ns / 1e9);
    http_backend_poison(part->stage->webs[part->place], key, fault, ns);
}

static double rarely(struct actor *a)
{
    return sim_chance(&a->random, 0.3) ? sim_random_unit(&a->random) / 2 : 0;
}

static void web_manner(struct actor *a)
{
    static const int64_t ms = 1000000;
    const struct part *part = a->data;
    struct http_manner manner = {.latency_ns = (int64_t)sim_random(&a->random, 2000000),
                                 .jitter_ns = (int64_t)sim_random(&a->random, 2000000),
                                 .chunked = rarely(a),
                                 .close = rarely(a),
                                 .spaced = rarely(a),
                                 .no_length = rarely(a),
                                 .idle_end = rarely(a),
                                 .twice = rarely(a)};

    /* Never so slow that the pool's connections are too few for all requests. */
    if (sim_chance(&a->random, 0.2))
        manner.latency_ns = (int64_t)sim_random(&a->random, a->world->scene->max_connections) * ms;
    if (a->world->scene->has_slow_writes)
        manner.latency_ns = 15 * ms; /* several one after the other take less than any timeout */
    if (sim_chance(&a->random, 0.3))
        manner.idle_ns = (int64_t)(1 + sim_random(&a->random, 5000)) * ms;
    world_fault(a->world, "manner", "%s", backend_of(part)->name);
    http_backend_manner(part->stage->webs[part->place], manner);
}

static void web_tls(struct actor *a)
{
    static const size_t records[] = {0, 0, 7, 100, 4096};
    const struct part *part = a->data;
    const struct tls_manner manner = {.one_round = sim_random_unit(&a->random),
                                      .tickets = rarely(a),
                                      .renegotiates = rarely(a),
                                      .empty = rarely(a),
                                      .record = records[sim_random(&a->random, 5)]};

    world_fault(a->world, "tls manner", "%s", backend_of(part)->name);
    http_backend_tls(part->stage->webs[part->place], &manner);
}

static void web_route(struct actor *a)
{
    const struct part *part = a->data;
    const unsigned connections = a->world->scene->max_connections;
    struct sim_route route = wire_route(&a->random);

    route.delay_ns = route.delay_ns * connections / 64;
    route.jitter_ns = route.jitter_ns * connections / 64;
    world_fault(a->world, "route", "%s", backend_of(part)->name);
    http_backend_route(part->stage->webs[part->place], route);
}

static void web_move(struct actor *a)
{
    const struct part *part = a->data;
    char host[40], address[60];
    const unsigned number = (unsigned)part->place + 1 + 10 * (unsigned)sim_random(&a->random, 4);

    snprintf(host, sizeof(host), "127.0.0.%u", number);
    snprintf(address, sizeof(address), "%s%s", host, strchr(backend_of(part)->address, ':'));
    world_fault(a->world, "move", "%s to %s", backend_of(part)->name, address);
    zone_set(part->stage->zone, backend_of(part)->host, host,
             1 + (unsigned)sim_random(&a->random, 30));
    http_backend_move(part->stage->webs[part->place], address);
}

/* Programs */

static void program_key(struct actor *a)
{
    const struct part *part = a->data;
    const enum program_fault fault =
        (enum program_fault)(PROGRAM_WELL + 1 + sim_random(&a->random, PROGRAM_FAULTS - 1));
    const struct truth_key *key = choose_key(a, backend_of(part)->store);
    const int64_t ns = actor_duration(a, 0.1, 10);

    if (key == NULL)
        return;
    world_fault(a->world, program_fault_names[fault], "program %s for %.3fs", truth_name(key),
                (double)ns / 1e9);
    program_poison(part->stage->programs[part->place], key, fault, ns);
}

static void program_out(struct actor *a)
{
    const struct part *part = a->data;
    struct program *program = part->stage->programs[part->place];
    const int64_t ns = actor_duration(a, 0.05, 10);

    switch (sim_random(&a->random, 3)) {
    case 0:
        world_fault(a->world, "program dies", "%s", backend_of(part)->name);
        program_kill_one(program);
        break;
    case 1:
        world_fault(a->world, "program freezes", "for %.3fs", (double)ns / 1e9);
        program_freeze(program, ns);
        break;
    default:
        world_fault(a->world, "program cannot start", "for %.3fs", (double)ns / 1e9);
        program_refuse_start(program, 13, ns);
    }
}

static void change_program_manner(struct actor *a)
{
    const struct part *part = a->data;

    program_manner(part->stage->programs[part->place],
                   (struct program_manner){.latency_ns = (int64_t)sim_random(&a->random, 3000000),
                                           .jitter_ns = (int64_t)sim_random(&a->random, 3000000),
                                           .reorder = rarely(a),
                                           .spaced = rarely(a),
                                           .log = rarely(a) / 10});
}

/* Name servers */

static void name_server_fault(struct actor *a)
{
    const struct part *part = a->data;
    const enum name_state state = sim_chance(&a->random, 0.5)
                                      ? NAMES_WELL
                                      : (enum name_state)sim_random(&a->random, NAMES_STATES);

    world_fault(a->world, "name server", "%zu: %s", part->place, name_state_names[state]);
    name_server_state(part->stage->names[part->place], state);
}

/* Values */

static struct truth_value *choose_value(struct actor *a, const struct scene_table *table,
                                        const char *key)
{
    const uint64_t number = sim_random(&a->random, 1000000000);
    char text[100];

    if (table->type == SCENE_DNS)
        return truth_value_string(key, strlen(key));
    switch (sim_random(&a->random, 10)) {
    case 0: snprintf(text, sizeof(text), "%" PRIu64, number); break;
    case 1: snprintf(text, sizeof(text), "[\"a%" PRIu64 "\",\"b\"]", number); break;
    case 2: snprintf(text, sizeof(text), "false"); break;
    case 3: snprintf(text, sizeof(text), "\"\""); break;
    default: snprintf(text, sizeof(text), "\"v%" PRIu64 "\"", number);
    }
    return truth_value_new(text, strlen(text));
}

static bool has_search(const struct scene *scene, unsigned store)
{
    for (size_t i = 0; i < scene->table_count; i++) {
        if (scene->tables[i].store == store && scene->tables[i].has_search)
            return true;
    }
    return false;
}

static void change_value(struct actor *a)
{
    const struct part *part = a->data;
    const struct scene *scene = a->world->scene;
    const struct scene_table *table = scene_table_of_store(scene, (unsigned)part->place);
    struct truth_value *value = NULL;
    char key[SCENE_KEY_BYTES];

    if (table == NULL)
        return;
    if (has_search(scene, table->store) && sim_chance(&a->random, 0.5))
        scene_form_key(&a->random, true, key);
    else
        scene_static_key(table, (unsigned)sim_random(&a->random, SCENE_STATIC_KEYS), key);
    if (sim_chance(&a->random, 0.7))
        value = choose_value(a, table, key);
    truth_put(truth_add(part->stage->stores[part->place], key, strlen(key)), value, sim_now());
    truth_value_unref(&value);
    if (table->type == SCENE_JSON)
        scene_write_json(table, sim_chance(&a->random, 0.5), sim_chance(&a->random, 0.1));
}

/* All of them */

static void start(struct stage *stage, const char *kind, const char *of, size_t place,
                  actor_fn *act, double mean_s)
{
    struct part *part = xmalloc(sizeof(*part));
    char *name;

    if (asprintf(&name, "%s.%s", kind, of) == -1)
        abort();
    *part = (struct part){stage, place};
    actor_start(stage->world, name, act, part, mean_s);
}

static void start_web(struct stage *stage, size_t place)
{
    const struct scene_backend *backend = &stage->world->scene->backends[place];

    start(stage, "out", backend->name, place, web_out, 10);
    start(stage, "key", backend->name, place, web_key, 1);
    start(stage, "manner", backend->name, place, web_manner,
          stage->world->scene->has_slow_writes ? 2 : 8);
    start(stage, "route", backend->name, place, web_route, 15);
    if (backend->authority != NULL)
        start(stage, "tls", backend->name, place, web_tls, 8);
    if (backend->host != NULL)
        start(stage, "move", backend->name, place, web_move, 15);
}

static void start_program(struct stage *stage, size_t place)
{
    start(stage, "key", "program", place, program_key, 3);
    start(stage, "out", "program", place, program_out, 20);
    start(stage, "manner", "program", place, change_program_manner, 10);
}

void stage_start_faults(struct stage *stage)
{
    const struct scene *scene = stage->world->scene;
    char number[20];

    for (size_t i = 0; i < scene->backend_count; i++) {
        if (stage->webs[i] != NULL)
            start_web(stage, i);
        if (stage->programs[i] != NULL)
            start_program(stage, i);
    }
    for (size_t i = 0; i < STAGE_NAME_SERVERS; i++) {
        snprintf(number, sizeof(number), "%zu", i);
        start(stage, "names", number, i, name_server_fault, 6);
    }
    for (size_t i = 0; i < scene->store_count; i++) {
        const struct scene_table *table = scene_table_of_store(scene, (unsigned)i);

        snprintf(number, sizeof(number), "%zu", i);
        start(stage, "change", number, i, change_value,
              table != NULL && table->type == SCENE_JSON ? 5 : 0.2);
    }
}

void stage_mend(struct stage *stage)
{
    for (size_t i = 0; i < SCENE_TABLES_MAX; i++) {
        if (stage->webs[i] != NULL)
            http_backend_mend(stage->webs[i]);
        if (stage->programs[i] != NULL)
            program_mend(stage->programs[i]);
    }
    for (size_t i = 0; i < STAGE_NAME_SERVERS; i++)
        name_server_state(stage->names[i], NAMES_WELL);
    for (size_t i = 0; i < stage->world->scene->table_count; i++) {
        if (stage->world->scene->tables[i].type == SCENE_JSON)
            scene_write_json(&stage->world->scene->tables[i], true, false);
    }
}
