/* scene_values.c - the first values of the stores, and the files of json tables. */
#include "scene.h"

#include "../kernel/kernel.h"
#include "../model/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(const struct scene_table *table, const char *key, const char *text)
{
    struct truth_value *value = truth_value_string(text, strlen(text));

    truth_put(truth_add(judge_store(table), key, strlen(key)), value, sim_now());
    truth_value_unref(&value);
}

static void fill_static(const struct scene_table *table)
{
    char key[SCENE_KEY_BYTES], text[SCENE_KEY_BYTES + 20];

    for (unsigned i = 0; i < SCENE_STATIC_KEYS; i++) {
        scene_static_key(table, i, key);
        snprintf(text, sizeof(text), "first of %s", key);
        if (i % 10 < 7)
            put(table, key, table->type == SCENE_DNS ? key : text);
    }
}

static void fill_lists(const struct scene_table *table)
{
    char key[SCENE_KEY_BYTES], text[SCENE_KEY_BYTES + 20];

    for (unsigned i = 0; i < SCENE_LISTED_KEYS; i++) {
        scene_listed_key(i, key);
        snprintf(text, sizeof(text), "of %s", key);
        put(table, key, text);
    }
}

/* Makes the keys of users known, without values. */
static void add_user_keys(const struct scene_table *table)
{
    char key[SCENE_KEY_BYTES];

    for (unsigned user = 0; user < SCENE_USERS; user++) {
        for (unsigned i = 0; i < SCENE_TEXT_KEYS; i++) {
            scene_user_key(table, false, i, user, key);
            truth_add(judge_store(table), key, strlen(key));
        }
        for (unsigned i = 0; i < SCENE_NUMBER_KEYS; i++) {
            scene_user_key(table, true, i, user, key);
            truth_add(judge_store(table), key, strlen(key));
        }
    }
}

void scene_fill(const struct scene *scene)
{
    for (size_t i = 0; i < scene->table_count; i++) {
        const struct scene_table *table = &scene->tables[i];

        fill_static(table);
        if (table->has_lists)
            fill_lists(table);
        if (table->is_writable)
            add_user_keys(table);
        if (table->type == SCENE_JSON)
            scene_write_json(table, true, false);
    }
}

/* The file of a json table */

static void write_object(FILE *out, const struct truth *store)
{
    bool is_first = true;

    fputs("{", out);
    for (size_t i = 0; i < truth_count(store); i++) {
        const struct truth_key *key = truth_nth(store, i);
        const struct truth_value *value = truth_now(key);

        if (value == NULL)
            continue;
        fprintf(out, "%s\n\"%s\": %s", is_first ? "" : ",", truth_name(key), value->json);
        is_first = false;
    }
    fputs("\n}\n", out);
}

static int64_t written_ns;

int64_t scene_json_written_ns(void)
{
    return written_ns;
}

void scene_write_json(const struct scene_table *table, bool is_renamed, bool is_broken)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL)
        abort();
    write_object(out, judge_store(table));
    if (is_broken)
        fputs("}", out);
    fclose(out);
    written_ns = sim_now();
    sim_file_write(table->path, text, is_renamed ? SIM_RENAME : SIM_IN_PLACE);
    judge_file_broken(table, is_broken);
    free(text);
}

const struct scene_table *scene_table_of_store(const struct scene *scene, unsigned store)
{
    for (size_t i = 0; i < scene->table_count; i++) {
        if (scene->tables[i].store == store)
            return &scene->tables[i];
    }
    return NULL;
}
