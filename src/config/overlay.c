#include "overlay.h"

#include "podop/mem.h"
#include "podop/suggestion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *option_text(const char *option, const char *value)
{
    char *text = NULL;

    if (asprintf(&text, "%s %s", option, value) == -1)
        abort();
    return text;
}

/* Returns a list of the root, and makes it if it is missing. Returns NULL if the name is not a
 * list, which is reported later, by the schema. */
static struct node *root_list(struct node *root, const char *name, const char *origin)
{
    struct node *list = node_find(root, name);

    if (list == NULL) {
        list = node_new(NODE_LIST, name, origin);
        node_add(root, list);
    }
    return list->kind == NODE_LIST || list->kind == NODE_ARRAY ? list : NULL;
}

static void add_string(struct node *group, const char *name, const char *option, const char *value)
{
    char *origin = option_text(option, value);

    node_add(group, node_new_string(name, value, origin));
    free(origin);
}

static void add_socket(struct node *root, const struct cmdline_socket *socket)
{
    struct node *list = root_list(root, "listen", "--socket");
    char *origin = option_text("--socket", socket->socket);
    struct node *group = node_new(NODE_GROUP, NULL, origin);

    add_string(group, "socket", "--socket", socket->socket);
    if (socket->mode != NULL)
        add_string(group, "mode", "--mode", socket->mode);
    if (list != NULL)
        node_add(list, group);
    else
        node_free(&group);
    free(origin);
}

static struct node *find_table(const struct node *list, const char *name, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *other = node_find_text(list->children[i], "name");

        if (other != NULL && strcmp(other, name) == 0)
            return list->children[i];
    }
    return NULL;
}

static void add_table(struct node *list, const struct cmdline_table *table, size_t file_count)
{
    struct node *in_file = find_table(list, table->name, file_count);
    char *origin = option_text("--name", table->name);
    struct node *group = node_new(NODE_GROUP, NULL, origin);

    add_string(group, "name", "--name", table->name);
    add_string(group, "type", "--type", table->type);
    add_string(group, "param", "--param", table->param);
    if (in_file != NULL && strncmp(in_file->origin, "--name ", strlen("--name ")) != 0)
        node_assign(in_file, &group);
    else /* a second --name of that name is reported by the check for duplicates */
        node_add(list, group);
    free(origin);
}

void overlay_add(struct node *root, const struct config_source *source)
{
    struct node *tables = source->table_count == 0 ? NULL : root_list(root, "tables", "--name");
    size_t file_count = tables == NULL ? 0 : tables->count;

    for (size_t i = 0; i < source->socket_count; i++)
        add_socket(root, &source->sockets[i]);
    for (size_t i = 0; tables != NULL && i < source->table_count; i++)
        add_table(tables, &source->tables[i], file_count);
}

static void offer_tables(const struct node *list, struct suggestion *suggestion)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *name = node_find_text(list->children[i], "name");

        if (name != NULL)
            suggestion_offer(suggestion, name);
    }
}

/* Takes the name at the front of *path. The caller frees it. */
static char *take_name(const char **path)
{
    size_t len = strcspn(*path, ".[");
    char *name = xmemdup0(*path, len);

    *path += len;
    return name;
}

/* Takes the longest table name at the front of *path that a dot or the end follows. */
static struct node *step_table(const struct node *list, const char **path, struct error *err)
{
    struct node *best = NULL;
    size_t best_len = 0;
    struct suggestion suggestion = {0};
    char *name;

    for (size_t i = 0; i < list->count; i++) {
        const char *text = node_find_text(list->children[i], "name");
        size_t len = text == NULL ? 0 : strlen(text);

        if (len > best_len && strncmp(*path, text, len) == 0 &&
            ((*path)[len] == '.' || (*path)[len] == '\0')) {
            best = list->children[i];
            best_len = len;
        }
    }
    *path += best_len;
    if (best != NULL)
        return best;
    name = take_name(path);
    suggestion.word = name;
    offer_tables(list, &suggestion);
    error_set(err, ERR_CONFIG, "no table '%s'%s%s%s", name,
              suggestion.best == NULL ? "" : " (did you mean '",
              suggestion.best == NULL ? "" : suggestion.best, suggestion.best == NULL ? "" : "'?)");
    free(name);
    return NULL;
}

static struct node *step_index(const struct node *list, const char **path, struct error *err)
{
    size_t digits = strspn(*path + 1, "0123456789");
    const char *name = list->name == NULL ? "what is before the index" : list->name;
    unsigned long long index;

    if (digits == 0 || (*path)[digits + 1] != ']') {
        error_set(err, ERR_CONFIG, "expected an index such as [0] at '%s'", *path);
        return NULL;
    }
    if (list->kind != NODE_LIST && list->kind != NODE_ARRAY) {
        error_set(err, ERR_CONFIG, "'%s' is not a list", name);
        return NULL;
    }
    index = strtoull(*path + 1, NULL, 10);
    if (index >= list->count) {
        error_set(err, ERR_CONFIG, "'%s' has %zu element%s, counted from [0]", name, list->count,
                  list->count == 1 ? "" : "s");
        return NULL;
    }
    *path += digits + 2;
    return list->children[index];
}

static struct node *step_name(struct node *group, const char **path, const char *origin,
                              struct error *err)
{
    char *name = take_name(path);
    struct node *member = node_find(group, name);

    if (name[0] == '\0') {
        error_set(err, ERR_CONFIG, "a name is missing at '%s'", *path);
    } else if (group->kind != NODE_GROUP) {
        error_set(err, ERR_CONFIG, "'%s' is not a group, so it cannot hold '%s'",
                  group->name == NULL ? "what is before the dot" : group->name, name);
    } else if (member == NULL) {
        member = node_new(NODE_GROUP, name, origin);
        node_add(group, member);
    }
    free(name);
    return member;
}

int overlay_set(struct node *root, const char *path, struct node *value, struct error *err)
{
    struct node *at = root;

    do {
        if (*path == '[')
            at = step_index(at, &path, err);
        else if (at != root && at == node_find(root, "tables"))
            at = step_table(at, &path, err);
        else
            at = step_name(at, &path, value->origin, err);
        if (at == NULL || *path != '.')
            continue;
        path++;
        if (*path == '\0') {
            error_set(err, ERR_CONFIG, "a name is missing after the last dot");
            at = NULL;
        }
    } while (at != NULL && *path != '\0');
    if (at == NULL) {
        node_free(&value);
        return -1;
    }
    node_assign(at, &value);
    return 0;
}
