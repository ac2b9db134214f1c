#include "stage.h"

#include <stdio.h>
#include <string.h>

static const int64_t SECOND = 1000000000;

static const char *const name_addresses[STAGE_NAME_SERVERS] = {"127.0.0.53:53", "127.0.0.54:53"};

/* Files that podop reads in /etc. */
static void write_etc(const struct scene *scene)
{
    char path[300];

    snprintf(path, sizeof(path), "%s/resolv.conf", scene->directory);
    sim_file_write(path, "nameserver 127.0.0.53\nnameserver 127.0.0.54\n", SIM_RENAME);
    snprintf(path, sizeof(path), "%s/hosts", scene->directory);
    sim_file_write(path, "127.0.0.1 localhost\n", SIM_RENAME);
    sim_etc(scene->directory);
}

/* As long as a cache may remember a value; of a json table for ever, because podop keeps the old
 * contents while its file has a fault. */
static int64_t keep_ns(const struct scene *scene, unsigned store)
{
    const struct scene_table *table = scene_table_of_store(scene, store);

    if (table != NULL && table->type == SCENE_JSON)
        return INT64_MAX;
    return 1000 * SECOND + scene->shutdown_timeout_most_ns;
}

static void open_stores(struct stage *s)
{
    const struct scene *scene = s->world->scene;

    for (unsigned i = 0; i < scene->store_count; i++) {
        char name[20];

        snprintf(name, sizeof(name), "store%u", i);
        s->stores[i] = truth_new(name, keep_ns(scene, i));
    }
}

static bool is_served_by(const struct scene_table *table, const struct scene_backend *backend)
{
    for (size_t i = 0; i < table->backend_count; i++) {
        if (table->backends[i] == backend)
            return true;
    }
    return false;
}

/* Returns the type of the tables that the backend serves; of no table, SCENE_JSON, which needs no
 * server. */
static enum scene_type type_of(const struct scene *scene, const struct scene_backend *backend)
{
    for (size_t i = 0; i < scene->table_count; i++) {
        if (is_served_by(&scene->tables[i], backend))
            return scene->tables[i].type;
    }
    return SCENE_JSON;
}

static void open_backend(struct stage *s, size_t i)
{
    const struct scene *scene = s->world->scene;
    const struct scene_backend *backend = &scene->backends[i];

    switch (type_of(scene, backend)) {
    case SCENE_URL:
        s->webs[i] = http_backend_new(backend, s->world->ledger, scene->max_connections);
        break;
    case SCENE_PROGRAM: s->programs[i] = program_new(backend, s->world->ledger); break;
    case SCENE_JSON:
    case SCENE_DNS: break;
    }
}

static void open_names(struct stage *s)
{
    const struct scene *scene = s->world->scene;

    s->zone = zone_new();
    for (size_t i = 0; i < scene->backend_count; i++) {
        const struct scene_backend *backend = &scene->backends[i];
        char address[60];

        snprintf(address, sizeof(address), "%.*s", (int)strcspn(backend->address, ":"),
                 backend->address);
        if (backend->host != NULL)
            zone_set(s->zone, backend->host, address, 20);
    }
    for (size_t i = 0; i < scene->table_count; i++) {
        if (scene->tables[i].type == SCENE_DNS)
            zone_mx(s->zone, s->stores[scene->tables[i].store], "mail.sim.example");
    }
    for (size_t i = 0; i < STAGE_NAME_SERVERS; i++)
        s->names[i] = name_server_new(s->zone, name_addresses[i]);
}

void stage_open(struct stage *s, struct world *world)
{
    *s = (struct stage){.world = world};
    write_etc(world->scene);
    open_stores(s);
    world->ledger = ledger_new();
    judge_init(world->scene, s->stores, world->ledger);
    scene_fill(world->scene);
    for (size_t i = 0; i < world->scene->backend_count; i++)
        open_backend(s, i);
    open_names(s);
}

void stage_close(struct stage *s)
{
    for (size_t i = 0; i < SCENE_TABLES_MAX; i++) {
        http_backend_free(&s->webs[i]);
        program_free(&s->programs[i]);
    }
    for (size_t i = 0; i < STAGE_NAME_SERVERS; i++)
        name_server_free(&s->names[i]);
    zone_free(&s->zone);
    judge_deinit();
    ledger_free(&s->world->ledger);
    for (size_t i = 0; i < SCENE_TABLES_MAX; i++)
        truth_free(&s->stores[i]);
}
