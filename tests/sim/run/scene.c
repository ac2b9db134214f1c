#include "scene.h"

#include "../kernel/kernel.h"
#include "../model/keys.h"

#include "podop/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const int64_t MS = 1000000, SECOND = 1000000000;

/* Texts live as long as the process, which runs one scene. */
struct text {
    struct text *next;
    char bytes[200];
};

__attribute__((format(printf, 1, 2))) static const char *text_of(const char *format, ...)
{
    static struct text *all;
    struct text *text = xmalloc(sizeof(*text));
    va_list args;

    va_start(args, format);
    vsnprintf(text->bytes, sizeof(text->bytes), format, args);
    va_end(args);
    text->next = all;
    all = text;
    return text->bytes;
}

static int64_t one_of(struct sim_random *random, const int64_t *values, size_t count)
{
    return values[sim_random(random, count)];
}

#define ONE_OF(random, ...)                                                                        \
    one_of(random, (const int64_t[]){__VA_ARGS__},                                                 \
           sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* Backends. web1, web4 and web6 serve the same store. */

enum { WEB1, WEB2, WEB3, WEB4, WEB5, WEB6, WEBS };

static void make_backends(struct scene *scene)
{
    scene->backends[WEB1] = (struct scene_backend){"web1", "127.0.0.1:8001", NULL, 0, NULL};
    scene->backends[WEB2] =
        (struct scene_backend){"web2", text_of("%s/web2.sock", scene->directory), NULL, 1, NULL};
    scene->backends[WEB3] =
        (struct scene_backend){"web3", "127.0.0.3:8003", "web3.sim.example", 2, NULL};
    scene->backends[WEB4] = (struct scene_backend){"web4", "127.0.0.4:8004", NULL, 0, NULL};
    scene->backends[WEB5] =
        (struct scene_backend){"web5", "127.0.0.5:8005", "web5.sim.example", 3, SCENE_AUTHORITY};
    scene->backends[WEB6] =
        (struct scene_backend){"web6", "127.0.0.6:8006", NULL, 0, SCENE_PUBLIC_AUTHORITY};
    scene->backend_count = WEBS;
    scene->store_count = 4;
}

/* Adds a backend that serves one table alone: a program, a file, DNS. */
static const struct scene_backend *add_backend(struct scene *scene, const char *name,
                                               const char *address)
{
    struct scene_backend *backend = &scene->backends[scene->backend_count++];

    *backend = (struct scene_backend){name, address, NULL, scene->store_count++, NULL};
    return backend;
}

/* Kinds of tables: each function fills what differs from a plain url table of one backend. */

static void use(struct scene *scene, struct scene_table *table, size_t first, size_t count,
                const size_t *webs)
{
    table->backend_count = count;
    for (size_t i = 0; i < count; i++)
        table->backends[i] = &scene->backends[webs[(first + i) % count]];
    table->store = table->backends[0]->store;
    table->has_lists = true;
    table->is_writable = true;
}

static void use_web(struct scene *scene, struct scene_table *table, size_t web)
{
    use(scene, table, 0, 1, &web);
    table->is_named = scene->backends[web].host != NULL;
}

static void make_plain(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    use_web(scene, table, sim_chance(random, 0.7) ? WEB1 : WEB2);
}

static void make_cached(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    use_web(scene, table, sim_random(random, 3));
    table->ttl_ns = ONE_OF(random, 1, 2, 5, 30) * SECOND;
    table->negative_ttl_ns = ONE_OF(random, 0, 500, 1000, 5000) * MS;
    table->stale_ns = ONE_OF(random, 0, 5, 60, 600) * SECOND;
    table->is_shared = true;
}

static void make_several(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    use(scene, table, sim_random(random, 2), 2, (const size_t[]){WEB1, WEB4});
    table->is_shared = sim_chance(random, 0.3);
}

static void make_spread(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    make_several(scene, table, random);
    table->is_spread = true;
}

static void make_named(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    use_web(scene, table, WEB3);
    table->is_spread = sim_chance(random, 0.3);
}

static void make_held(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    use_web(scene, table, sim_random(random, 3));
    table->write_behind_ns = ONE_OF(random, 100, 300, 1000, 5000, 60000) * MS;
}

static void make_held_cached(struct scene *scene, struct scene_table *table,
                             struct sim_random *random)
{
    make_cached(scene, table, random);
    table->write_behind_ns = ONE_OF(random, 100, 300, 1000, 10000) * MS;
}

static void make_commit(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    use_web(scene, table, sim_random(random, 2));
    table->has_commit_url = true;
    if (sim_chance(random, 0.3))
        table->write_behind_ns = ONE_OF(random, 300, 1000) * MS;
}

static void make_folded(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    make_plain(scene, table, random);
    table->rules = keys_rules(KEYS_FOLD_ALL, KEYS_IDNA_NONE);
    if (sim_chance(random, 0.5))
        make_cached(scene, table, random);
}

static void make_strict(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    make_cached(scene, table, random);
    table->is_strict = true;
}

static void make_secure(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    use_web(scene, table, WEB5);
    table->has_commit_url = sim_chance(random, 0.3);
    if (sim_chance(random, 0.3))
        table->write_behind_ns = ONE_OF(random, 100, 1000) * MS;
}

static void make_secure_cached(struct scene *scene, struct scene_table *table,
                               struct sim_random *random)
{
    use_web(scene, table, WEB5);
    table->ttl_ns = ONE_OF(random, 1, 5, 30) * SECOND;
    table->negative_ttl_ns = ONE_OF(random, 0, 1000) * MS;
    table->stale_ns = ONE_OF(random, 0, 60) * SECOND;
    table->is_shared = true;
}

/* With and without TLS. */
static void make_mixed(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    use(scene, table, sim_random(random, 2), 2, (const size_t[]){WEB1, WEB6});
}

/* A search over several forms of a key. */
static void make_forms(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    if (sim_chance(random, 0.5))
        make_cached(scene, table, random);
    else if (sim_chance(random, 0.5))
        make_several(scene, table, random);
    else
        make_plain(scene, table, random);
    table->is_writable = false;
    table->has_search = table->has_spellings = true;
    table->is_strict = sim_chance(random, 0.5);
    table->rules = (unsigned)sim_random(random, SCENE_RULES);
}

/* podop checks that the file can be executed; the modelled kernel runs the world's program. */
static const char *make_program_file(const struct scene *scene)
{
    const char *path = text_of("%s/program", scene->directory);

    sim_file_write(path, "#!/bin/false\n", SIM_IN_PLACE);
    if (chmod(path, 0700) == -1)
        abort();
    return path;
}

static void make_program(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    const struct scene_backend *backend = add_backend(scene, "program", make_program_file(scene));

    *table = (struct scene_table){.type = SCENE_PROGRAM,
                                  .name = table->name,
                                  .backends = {backend},
                                  .backend_count = 1,
                                  .path = backend->address,
                                  .store = backend->store,
                                  .is_writable = true,
                                  .has_lists = true,
                                  .processes = 1 + (unsigned)sim_random(random, 4)};
    if (sim_chance(random, 0.5))
        table->write_behind_ns = ONE_OF(random, 200, 1000) * MS;
}

static void make_json(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    const struct scene_backend *backend =
        add_backend(scene, "json", text_of("%s/table.json", scene->directory));

    (void)random;
    table->type = SCENE_JSON;
    table->path = backend->address;
    table->store = backend->store;
    table->has_lists = true;
}

static void make_dns(struct scene *scene, struct scene_table *table, struct sim_random *random)
{
    table->type = SCENE_DNS;
    table->store = add_backend(scene, "dns", "127.0.0.53:53")->store;
    if (sim_chance(random, 0.5)) {
        table->ttl_ns = ONE_OF(random, 1, 5, 30) * SECOND;
        table->negative_ttl_ns = ONE_OF(random, 500, 2000) * MS;
        table->stale_ns = ONE_OF(random, 0, 60) * SECOND;
        table->is_shared = true;
    }
}

static const struct {
    const char *name;
    double share; /* of the scenes that have it */
    void (*make)(struct scene *scene, struct scene_table *table, struct sim_random *random);
} kinds[] = {
    {"plain", 1, make_plain},
    {"cached", 0.8, make_cached},
    {"several", 0.5, make_several},
    {"spread", 0.4, make_spread},
    {"named", 0.5, make_named},
    {"held", 0.7, make_held},
    {"heldc", 0.4, make_held_cached},
    {"commit", 0.5, make_commit},
    {"folded", 0.3, make_folded},
    {"strict", 0.4, make_strict},
    {"program", 0.5, make_program},
    {"json", 0.5, make_json},
    {"dns", 0.4, make_dns},
    {"secure", 0.6, make_secure},
    {"securec", 0.4, make_secure_cached},
    {"mixed", 0.4, make_mixed},
    {"forms", 0.6, make_forms},
};

static void remember(int64_t now_ns, int64_t *most_ns)
{
    if (now_ns > *most_ns)
        *most_ns = now_ns;
}

void scene_remember(struct scene *scene)
{
    for (size_t i = 0; i < scene->table_count; i++) {
        struct scene_table *table = &scene->tables[i];

        remember(table->timeout_ns, &table->timeout_most_ns);
        if (table->timeout_least_ns == 0 || table->timeout_ns < table->timeout_least_ns)
            table->timeout_least_ns = table->timeout_ns;
        remember(table->ttl_ns, &table->ttl_most_ns);
        remember(table->negative_ttl_ns, &table->negative_ttl_most_ns);
        remember(table->stale_ns, &table->stale_most_ns);
        table->was_write_behind |= table->write_behind_ns > 0;
        table->was_shared |= table->is_shared;
        table->was_absent |= table->is_absent;
        keys_may_change(table, table->rules, sim_now());
    }
    remember(scene->shutdown_timeout_ns, &scene->shutdown_timeout_most_ns);
}

/* Each table has its own stream, so that leaving one out changes no other. */
static void make_table(struct scene *scene, size_t kind, bool is_wanted)
{
    struct scene_table *table = &scene->tables[scene->table_count];
    struct sim_random random = sim_random_of(text_of("table %s", kinds[kind].name));

    if (!sim_chance(&random, kinds[kind].share) && !is_wanted)
        return;
    *table = (struct scene_table){
        .name = kinds[kind].name,
        .type = SCENE_URL,
        .path = text_of("/%s", kinds[kind].name),
        .retries = (unsigned)sim_random(&random, 3),
        .timeout_ns = ONE_OF(&random, 1, 2, 5, 10, 20) * SECOND,
    };
    table->connect_timeout_ns = ONE_OF(&random, 500, 1000, 2000, 5000) * MS;
    kinds[kind].make(scene, table, &random);
    if (table->timeout_ns == 0)
        table->timeout_ns = ONE_OF(&random, 2, 5, 10) * SECOND;
    table->has_error = table->type == SCENE_URL && sim_chance(&random, 0.3);
    table->has_spellings |= table->is_writable && (table->rules != 0 || sim_chance(&random, 0.5));
    scene->table_count++;
}

/* Returns whether the name is one of those in list, which has commas between them. */
static bool is_listed(const char *list, const char *name)
{
    const size_t len = strlen(name);

    for (const char *at = list; (at = strstr(at, name)) != NULL; at += len) {
        if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
            return true;
    }
    return false;
}

void scene_make(struct scene *scene, const char *directory, const char *only)
{
    struct sim_random random = sim_random_of("scene");

    *scene = (struct scene){.directory = directory};
    scene->socket = text_of("%s/podop.sock", directory);
    scene->control = text_of("%s/control.sock", directory);
    scene->config = text_of("%s/podop.conf", directory);
    scene->ca_file = text_of("%s/ca.pem", directory);
    scene->inet = "127.0.0.1:9100";
    scene->log_level = sim_chance(&random, 0.1) ? "debug" : "info";
    scene->shutdown_timeout_ns = ONE_OF(&random, 1, 5, 10, 30) * SECOND;
    scene->max_connections = (unsigned)ONE_OF(&random, 4, 16, 64);
    random = sim_random_of("slow writes");
    scene->has_slow_writes = sim_chance(&random, 0.25);
    if (scene->has_slow_writes)
        scene->max_connections = 64;
    make_backends(scene);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (only == NULL || is_listed(only, kinds[i].name))
            make_table(scene, i, only != NULL);
    }
    sim_file_write(scene->ca_file,
                   "-----BEGIN CERTIFICATE-----\n" SCENE_AUTHORITY "\n-----END CERTIFICATE-----\n",
                   SIM_IN_PLACE);
    scene_remember(scene);
    scene_write(scene);
}

/* Keys */

void scene_static_key(const struct scene_table *table, unsigned number, char key[SCENE_KEY_BYTES])
{
    if (table->type == SCENE_DNS)
        snprintf(key, SCENE_KEY_BYTES, "s%u.mx.sim.example", number);
    else
        snprintf(key, SCENE_KEY_BYTES, "s%u", number);
}

void scene_user_key(const struct scene_table *table, bool is_number, unsigned number, unsigned user,
                    char key[SCENE_KEY_BYTES])
{
    char name[SCENE_KEY_BYTES / 2];

    scene_user(table, user, name);
    snprintf(key, SCENE_KEY_BYTES, "%c%u/%s", is_number ? 'n' : 'k', number, name);
}

/* The domain of the last user has two forms. */
void scene_user(const struct scene_table *table, unsigned user, char name[SCENE_KEY_BYTES / 2])
{
    snprintf(name, SCENE_KEY_BYTES / 2, "u%u@%s%s.example", user,
             user == SCENE_USERS - 1 && table->has_spellings ? KEYS_A_LABEL "." : "", table->name);
}

void scene_form_key(struct sim_random *random, bool is_any_form, char key[SCENE_KEY_BYTES])
{
    const unsigned user = (unsigned)sim_random(random, 3);
    const char *extension = sim_chance(random, 0.5) ? "+x" : "";
    char domain[30];
    const char *parent = sim_chance(random, 0.5) ? "forms.example" : "example";

    snprintf(domain, sizeof(domain), "d%u.forms.example", (unsigned)sim_random(random, 2));
    switch (is_any_form ? sim_random(random, 7) : sim_random(random, 8) == 0) {
    case 0: snprintf(key, SCENE_KEY_BYTES, "f%u%s@%s", user, extension, domain); break;
    case 1: snprintf(key, SCENE_KEY_BYTES, "%s", domain); break;
    case 2: snprintf(key, SCENE_KEY_BYTES, "@%s", domain); break;
    case 3: snprintf(key, SCENE_KEY_BYTES, ".%s", parent); break;
    case 4: snprintf(key, SCENE_KEY_BYTES, "%s", parent); break;
    case 5: snprintf(key, SCENE_KEY_BYTES, "f%u%s@", user, extension); break;
    default: snprintf(key, SCENE_KEY_BYTES, "f%u@%s", user, domain);
    }
}

static void raise(char *from, const char *to)
{
    for (; from < to; from++)
        *from = *from >= 'a' && *from <= 'z' ? (char)(*from - 'a' + 'A') : *from;
}

void scene_spell(const struct scene_table *table, struct sim_random *random,
                 char key[SCENE_KEY_BYTES])
{
    char *at = strchr(key, '@'), *end = key + strlen(key);
    char *label = at == NULL ? NULL : strstr(at, KEYS_A_LABEL);

    if (!table->has_spellings)
        return;
    if (sim_chance(random, 0.3))
        raise(key, key + 1);
    if (at != NULL && sim_chance(random, 0.2))
        raise(key, at);
    if (label == NULL && at != NULL && sim_chance(random, 0.3))
        raise(at, end);
    if (label == NULL || sim_chance(random, 0.5))
        return;
    memmove(label + strlen(KEYS_U_LABEL), label + strlen(KEYS_A_LABEL),
            strlen(label + strlen(KEYS_A_LABEL)) + 1);
    memcpy(label, KEYS_U_LABEL, strlen(KEYS_U_LABEL));
}

void scene_listed_key(unsigned number, char key[SCENE_KEY_BYTES])
{
    snprintf(key, SCENE_KEY_BYTES, "dir/e%u", number);
}
