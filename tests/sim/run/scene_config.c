/* scene_config.c - the text of the configuration, and how reloads change it. */
#include "scene.h"

#include "../kernel/kernel.h"
#include "../model/forms.h"

#include "podop/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const scene_change_names[SCENE_CHANGES] = {
    [SCENE_UNCHANGED] = "unchanged",
    [SCENE_TIMEOUTS] = "timeouts",
    [SCENE_CACHES] = "caches",
    [SCENE_URLS] = "urls",
    [SCENE_WRITE_BEHIND] = "write_behind",
    [SCENE_TABLE_AWAY] = "table away",
    [SCENE_TABLE_BACK] = "table back",
    [SCENE_KEYS] = "keys",
    [SCENE_PLACES] = "places",
    [SCENE_OTHER_BACK] = "table back as another",
    [SCENE_LOG] = "log",
    [SCENE_FAULTY] = "faulty",
};

/* The text */

static void write_duration(FILE *out, const char *name, int64_t ns)
{
    fprintf(out, " %s = \"%" PRId64 "ms\";", name, ns / 1000000);
}

const char *scene_host(const struct scene_backend *backend, char *text, size_t size)
{
    if (backend->address[0] == '/')
        snprintf(text, size, "localhost");
    else if (backend->host != NULL)
        snprintf(text, size, "%s", backend->host);
    else
        snprintf(text, size, "%.*s", (int)strcspn(backend->address, ":"), backend->address);
    return text;
}

/* Returns the other name of the host, or NULL. A socket may have any, but one in a certificate. */
static const char *other_host(const struct scene_backend *backend)
{
    if (backend->authority != NULL)
        return NULL;
    if (backend->address[0] == '/')
        return "other.sim.example";
    return strncmp(backend->address, "127.0.0.1:", 10) == 0 ? "localhost" : NULL;
}

/* Writes the URL of the table's backend of this place, but for what comes after the path. */
static void write_url(FILE *out, const struct scene_table *table, size_t place)
{
    const struct scene_backend *backend = table->backends[place];
    const char *port = strchr(backend->address, ':');
    const char *other = table->has_other_host ? other_host(backend) : NULL;
    char host[100];

    fprintf(out, "%s://%s%s%s%s", backend->authority == NULL ? "http" : "https",
            other != NULL ? other : scene_host(backend, host, sizeof(host)),
            port == NULL ? "" : port, table->has_other_path ? SCENE_OTHER_PATH : "", table->path);
}

static bool has_authority(const struct scene_table *table, const char *authority)
{
    for (size_t i = 0; i < table->backend_count; i++) {
        const char *its = table->backends[i]->authority;

        if (its != NULL && strcmp(its, authority) == 0)
            return true;
    }
    return false;
}

static void write_urls(FILE *out, const struct scene *scene, const struct scene_table *table)
{
    fprintf(out, " param = [");
    for (size_t i = 0; i < table->backend_count; i++) {
        fprintf(out, "%s \"", i == 0 ? "" : ",");
        write_url(out, table, i);
        fprintf(out, "/{}%s\"",
                table->has_other_path && scene->has_slow_writes ? SCENE_OTHER_QUERY : "");
    }
    fprintf(out, " ];");
    if (has_authority(table, SCENE_AUTHORITY))
        fprintf(out, " tls = { ca_file = \"%s\"; };", scene->ca_file);
    if (table->backends[0]->address[0] == '/')
        fprintf(out, " unix_socket = \"%s\";", table->backends[0]->address);
    if (table->has_commit_url) {
        fprintf(out, " commit_url = \"");
        write_url(out, table, 0);
        fprintf(out, "-commit\";");
    }
    fprintf(out, " retries = %u;", table->retries);
    write_duration(out, "connect_timeout", table->connect_timeout_ns);
    if (table->is_strict)
        fprintf(out, " strict = true;");
    if (table->has_error)
        fprintf(out, " error = \"/error\";");
    if (table->is_spread)
        fprintf(out, " balance = \"spread\";");
}

static void write_cache(FILE *out, const struct scene_table *table)
{
    if (table->ttl_ns == 0)
        return;
    fprintf(out, " cache = {");
    write_duration(out, "ttl", table->ttl_ns);
    write_duration(out, "negative_ttl", table->negative_ttl_ns);
    write_duration(out, "stale", table->stale_ns);
    fprintf(out, " };");
}

static void write_type(FILE *out, const struct scene *scene, const struct scene_table *table)
{
    switch (table->type) {
    case SCENE_URL: write_urls(out, scene, table); break;
    case SCENE_PROGRAM:
        fprintf(out, " param = \"%s\"; processes = %u;", table->path, table->processes);
        break;
    case SCENE_JSON: fprintf(out, " param = \"%s\"; watch = true;", table->path); break;
    case SCENE_DNS: fprintf(out, " param = \"mail.sim.example\";"); break;
    }
}

static void write_rules(FILE *out, unsigned rules)
{
    static const char *const folds[KEYS_FOLDS] = {
        [KEYS_FOLD_DOMAIN] = "\"domain\"", [KEYS_FOLD_ALL] = "true"};
    static const char *const labels[KEYS_IDNAS] = {
        [KEYS_IDNA_ASCII] = "ascii", [KEYS_IDNA_UNICODE] = "unicode"};

    if (rules == 0)
        return;
    fprintf(out, " key = {");
    if (folds[keys_fold_of(rules)] != NULL)
        fprintf(out, " fold = %s;", folds[keys_fold_of(rules)]);
    if (labels[keys_idna_of(rules)] != NULL)
        fprintf(out, " idna = \"%s\";", labels[keys_idna_of(rules)]);
    fprintf(out, " };");
}

static void write_search(FILE *out, unsigned rules)
{
    static const char *const folds[KEYS_FOLDS] = {
        [KEYS_FOLD_NONE] = "false", [KEYS_FOLD_DOMAIN] = "\"domain\"", [KEYS_FOLD_ALL] = "true"};
    static const char *const searches[FORMS_SEARCHES] = {
        [FORMS_VIRTUAL] = "virtual", [FORMS_TRANSPORT] = "transport", [FORMS_ACCESS] = "access"};

    fprintf(out, " key = { fold = %s; search = \"%s\"; extension = \"+\"; };",
            folds[keys_fold_of(rules)], searches[forms_search_of(rules)]);
}

static void write_table(FILE *out, const struct scene *scene, const struct scene_table *table,
                        bool is_first)
{
    static const char *const types[] = {[SCENE_URL] = "url",
                                        [SCENE_PROGRAM] = "program",
                                        [SCENE_JSON] = "json",
                                        [SCENE_DNS] = "dns"};

    fprintf(out, "%s  { name = \"%s\"; type = \"%s\";", is_first ? "" : ",\n", table->name,
            types[table->type]);
    write_type(out, scene, table);
    write_duration(out, "timeout", table->timeout_ns);
    if (table->write_behind_ns > 0)
        write_duration(out, "write_behind", table->write_behind_ns);
    if (table->is_shared)
        fprintf(out, " share = true;");
    if (table->has_search)
        write_search(out, table->rules);
    else
        write_rules(out, table->rules);
    write_cache(out, table);
    fprintf(out, " }");
}

static void write_text(FILE *out, const struct scene *scene)
{
    bool is_first = true;

    fprintf(out, "log = { level = \"%s\"; };\n", scene->log_level);
    fprintf(out,
            "sandbox = false;\n"); /* it would hold for the simulation, and not end with podop */
    write_duration(out, "shutdown_timeout", scene->shutdown_timeout_ns);
    fprintf(out, "\npool = { max_connections = %u; };\n", scene->max_connections);
    fprintf(out, "control = { socket = \"%s\"; };\n", scene->control);
    fprintf(out, "listen = ( { socket = \"%s\"; }, { socket = \"%s\"; } );\n", scene->socket,
            scene->inet);
    fprintf(out, "tables = (\n");
    for (size_t i = 0; i < scene->table_count; i++) {
        if (scene->tables[i].is_absent)
            continue;
        write_table(out, scene, &scene->tables[i], is_first);
        is_first = false;
    }
    fprintf(out, "\n);\n%s", scene->is_faulty ? "unknown = 1;\n" : "");
}

void scene_write(struct scene *scene)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL)
        abort();
    write_text(out, scene);
    fclose(out);
    sim_file_write(scene->config, text, SIM_RENAME);
    free(text);
}

/* Changes */

static void double_or_halve(int64_t *ns, int64_t least_ns, int64_t most_ns,
                            struct sim_random *random)
{
    *ns = sim_chance(random, 0.5) ? *ns * 2 : *ns / 2;
    if (*ns < least_ns)
        *ns = least_ns;
    if (*ns > most_ns)
        *ns = most_ns;
}

static void change_caches(struct scene_table *table, struct sim_random *random)
{
    static const int64_t second = 1000000000;

    if (table->ttl_ns == 0)
        return;
    double_or_halve(&table->ttl_ns, second, 60 * second, random);
    if (table->stale_ns > 0)
        double_or_halve(&table->stale_ns, second, 600 * second, random);
}

static void change_urls(struct scene_table *table)
{
    const struct scene_backend *first = table->backends[0];

    if (table->backend_count < 2)
        return;
    for (size_t i = 1; i < table->backend_count; i++)
        table->backends[i - 1] = table->backends[i];
    table->backends[table->backend_count - 1] = first;
}

static void change_write_behind(struct scene_table *table, struct sim_random *random)
{
    static const int64_t ms = 1000000;

    if (table->write_behind_ns > 0)
        double_or_halve(&table->write_behind_ns, 50 * ms, 60000 * ms, random);
}

/* The first table stays, because a configuration needs one. */
static void take_table_away(struct scene *scene, struct sim_random *random)
{
    struct scene_table *table = &scene->tables[sim_random(random, scene->table_count)];

    if (table == scene->tables || table->is_absent)
        return;
    table->is_absent = true;
    table->absent_from_ns = sim_now();
    table->absent_until_ns = 0;
}

static void bring_tables_back(struct scene *scene)
{
    for (size_t i = 0; i < scene->table_count; i++)
        scene->tables[i].is_absent = false;
}

/* Two keys that were two become one, or one becomes two. */
static void change_keys(struct scene_table *table, struct sim_random *random)
{
    if (table->has_spellings && sim_chance(random, 0.7))
        table->rules = (unsigned)sim_random(random, SCENE_RULES);
}

/* The same service by another path, or another name of its host. */
static void change_place(struct scene_table *table, struct sim_random *random)
{
    table->has_other_path = sim_chance(random, 0.5);
    table->has_other_host = sim_chance(random, 0.5);
}

static void change_table(struct scene_table *table, enum scene_change change,
                         struct sim_random *random)
{
    static const int64_t second = 1000000000;

    if (change == SCENE_TIMEOUTS && sim_chance(random, 0.5))
        double_or_halve(&table->timeout_ns, second, 20 * second, random);
    else if (change == SCENE_CACHES && sim_chance(random, 0.5))
        change_caches(table, random);
    else if (change == SCENE_URLS)
        change_urls(table);
    else if (change == SCENE_WRITE_BEHIND && sim_chance(random, 0.5))
        change_write_behind(table, random);
    else if (change == SCENE_KEYS)
        change_keys(table, random);
    else if (change == SCENE_PLACES && sim_chance(random, 0.5))
        change_place(table, random);
    else if (change == SCENE_OTHER_BACK && table->is_absent) {
        change_keys(table, random);
        change_place(table, random);
    }
}

void scene_change(struct scene *scene, enum scene_change change, struct sim_random *random)
{
    for (size_t i = 0; i < scene->table_count; i++)
        change_table(&scene->tables[i], change, random);
    if (change == SCENE_TABLE_AWAY)
        take_table_away(scene, random);
    else if (change == SCENE_TABLE_BACK || change == SCENE_OTHER_BACK)
        bring_tables_back(scene);
    else if (change == SCENE_LOG)
        scene->log_level = sim_chance(random, 0.7)   ? "info"
                           : sim_chance(random, 0.3) ? "debug"
                                                     : "warning";
    scene->is_faulty = change == SCENE_FAULTY;
    scene_remember(scene);
    scene_write(scene);
}
