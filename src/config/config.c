#include "podop/config.h"

#include "build.h"
#include "build_table.h"
#include "excerpt.h"
#include "overlay.h"
#include "podop/mem.h"
#include "schema.h"
#include "source.h"
#include "string_list.h"
#include "syntax.h"
#include "tree.h"
#include "warnings.h"

#include <libconfig.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXCERPT_BYTES_MAX = 80 };

/* The origin of the nodes of a tree: lines of a file, or one option for all of them. */
struct place {
    const struct source *source;
    const char *option; /* NULL: FILE:LINE */
};

static struct node *convert(const config_setting_t *setting, const char *name,
                            const struct place *place)
{
    static const enum node_kind kinds[] = {
        [CONFIG_TYPE_GROUP] = NODE_GROUP, [CONFIG_TYPE_LIST] = NODE_LIST,
        [CONFIG_TYPE_ARRAY] = NODE_ARRAY, [CONFIG_TYPE_STRING] = NODE_STRING,
        [CONFIG_TYPE_INT] = NODE_INTEGER, [CONFIG_TYPE_INT64] = NODE_INTEGER,
        [CONFIG_TYPE_FLOAT] = NODE_FLOAT, [CONFIG_TYPE_BOOL] = NODE_BOOL,
    };
    const int type = config_setting_type(setting);
    char *origin = place->option != NULL
                       ? xstrdup(place->option)
                       : source_origin(place->source, config_setting_source_line(setting));
    struct node *node = node_new(kinds[type], name, origin);

    free(origin);
    if (type == CONFIG_TYPE_STRING)
        node->text = xstrdup(config_setting_get_string(setting));
    else if (type == CONFIG_TYPE_FLOAT)
        node->real = config_setting_get_float(setting);
    else if (type == CONFIG_TYPE_BOOL)
        node->integer = config_setting_get_bool(setting);
    else if (type == CONFIG_TYPE_INT)
        node->integer = config_setting_get_int(setting);
    else if (type == CONFIG_TYPE_INT64)
        node->integer = config_setting_get_int64(setting);
    for (int i = 0; config_setting_is_aggregate(setting) && i < config_setting_length(setting);
         i++) {
        const config_setting_t *child = config_setting_get_elem(setting, (unsigned)i);

        node_add(node, convert(child, config_setting_name(child), place));
    }
    return node;
}

static void list_add_once(struct string_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0)
            return;
    }
    string_list_add(list, text);
}

/* Returns " OTHER_ORIGIN ('LINE')" for the other line of a fault. The caller frees it. */
static char *other_line(const struct source *source, const struct syntax_fault *found)
{
    char shown[EXCERPT_BYTES_MAX] = "", *origin, *text = NULL;

    if (found->other_line == 0)
        return xstrdup("");
    if (found->other_line != found->line)
        excerpt_line(buf_span(&source->text), found->other_line, NULL, shown, sizeof(shown));
    origin = source_origin(source, found->other_line);
    if (asprintf(&text, " %s%s%s%s", origin, shown[0] == '\0' ? "" : " ('", shown,
                 shown[0] == '\0' ? "" : "')") == -1)
        abort();
    free(origin);
    return text;
}

/* Reports what libconfig said, the likely cause, and the lines in question. */
static void fault_syntax(const struct source *source, const char *said, unsigned error_line,
                         struct faults *faults)
{
    const struct span text = buf_span(&source->text);
    char line[EXCERPT_BYTES_MAX], *origin, *other;
    struct syntax_fault found;
    const bool is_found = syntax_find(text, error_line, &found);

    origin = source_origin(source, is_found ? found.line : error_line);
    other = other_line(source, &found);
    excerpt_line(text, is_found ? found.line : error_line, found.at, line, sizeof(line));
    if (found.is_duplicate)
        fault_add(faults, origin, "duplicate setting name '%s': it is set in%s already", found.hint,
                  other);
    else
        fault_add(faults, origin, "%s%s%s%s%s%s%s", said, is_found ? ": " : "", found.hint, other,
                  line[0] == '\0' ? "" : ": '", line, line[0] == '\0' ? "" : "'");
    free(other);
    free(origin);
}

/* Returns whether a string is where libconfig's parser does not expect one. libconfig 1.5 leaks
 * such a string, so it must not parse the text. */
static bool has_stray_string(const struct source *source)
{
    struct syntax_fault found;

    return (syntax_find(buf_span(&source->text), SYNTAX_ANY_LINE, &found) &&
            found.must_not_parse) ||
           source->has_open_string;
}

struct joined {
    const struct source *source;
    struct faults *faults;
};

static void warn_joined(void *arg, unsigned line)
{
    const struct joined *joined = arg;
    char *origin = source_origin(joined->source, line);

    fault_warn(joined->faults, origin,
               "two strings without a comma between them are joined into one");
    free(origin);
}

/* Returns what libconfig said, or what that means. */
static const char *meaning_of(const char *said)
{
    return strstr(said, "mismatched element type") != NULL
               ? "values of several types are in a list ( ... ), not in an array [ ... ]"
               : said;
}

static int parse_file(config_t *parsed, const char *file, struct source *source,
                      struct faults *faults)
{
    if (source_read_file(source, file, faults) == -1) {
        if (source->has_open_string)
            fault_syntax(source, "syntax error", SYNTAX_ANY_LINE, faults);
    } else if (has_stray_string(source))
        fault_syntax(source, "syntax error", SYNTAX_ANY_LINE, faults);
    else if (config_read_string(parsed, buf_string(&source->text)) == CONFIG_TRUE)
        return 0;
    else
        fault_syntax(source, meaning_of(config_error_text(parsed)),
                     (unsigned)config_error_line(parsed), faults);
    return -1;
}

/* Returns the file as a tree, or NULL with a fault reported. */
static struct node *read_file(const char *file, struct string_list *files, struct faults *faults)
{
    struct source source;
    struct place place = {&source, NULL};
    struct node *root = NULL;
    config_t parsed;

    config_init(&parsed);
    if (parse_file(&parsed, file, &source, faults) == 0)
        root = convert(config_root_setting(&parsed), NULL, &place);
    if (root != NULL)
        syntax_find_joined(buf_span(&source.text), warn_joined, &(struct joined){&source, faults});
    for (size_t i = 0; i < source.segment_count; i++)
        list_add_once(files, source.segments[i].file);
    config_destroy(&parsed);
    source_deinit(&source);
    return root;
}

static struct node *parse_value(const char *value, const char *origin)
{
    struct source source;
    struct faults unread = {0}; /* text that libconfig cannot parse is taken as a string */
    const struct place place = {&source, origin};
    struct node *node = NULL;
    char *text = NULL;
    config_t parsed;

    if (asprintf(&text, "value = %s;", value) == -1)
        abort();
    config_init(&parsed);
    if (source_read_text(&source, text, origin, &unread) == 0 && !has_stray_string(&source) &&
        config_read_string(&parsed, buf_string(&source.text)) == CONFIG_TRUE &&
        config_setting_length(config_root_setting(&parsed)) == 1)
        node = convert(config_setting_get_elem(config_root_setting(&parsed), 0), NULL, &place);
    config_destroy(&parsed);
    source_deinit(&source);
    free(text);
    if (node == NULL)
        return node_new_string(NULL, value, origin);
    if (node->kind == NODE_INTEGER || node->kind == NODE_FLOAT || node->kind == NODE_BOOL)
        node->text = xstrdup(value); /* --set user=1000: a shell removes the quotes of a string */
    return node;
}

static void apply_set(struct node *root, const struct cmdline_set *set, struct faults *faults)
{
    struct error err = {0};
    char *path = xmemdup0(set->path.ptr, set->path.len);
    char *origin = NULL;

    if (asprintf(&origin, "--set %s=%s", path, set->value) == -1)
        abort();
    if (overlay_set(root, path, parse_value(set->value, origin), &err) == -1)
        fault_add(faults, origin, "%s", err.text);
    free(origin);
    free(path);
}

static void raise_level(struct config *config, int verbose)
{
    enum log_level least = verbose >= 2   ? LOG_LEVEL_DEBUG
                           : verbose == 1 ? LOG_LEVEL_INFO
                                          : LOG_LEVEL_ERROR;

    if (config->log_level < least)
        config->log_level = least;
}

struct config *config_load(const struct config_source *source, config_report_fn *report, void *arg)
{
    struct string_list warnings = {0}, files = {0};
    struct faults faults = {report, arg, 0, &warnings};
    struct config *config;
    struct node *root = source->file == NULL ? node_new(NODE_GROUP, NULL, "command line")
                                             : read_file(source->file, &files, &faults);

    if (root == NULL) {
        string_list_clear(&files);
        return NULL;
    }
    if (source->file != NULL) { /* the origin of the root is the file without a line */
        free(root->origin);
        root->origin = xstrdup(source->file);
    }
    overlay_add(root, source);
    for (size_t i = 0; i < source->set_count; i++)
        apply_set(root, &source->sets[i], &faults);
    config = config_build(root, source->types, source->checks, &faults);
    node_free(&root);
    config->warnings = warnings;
    paths_add_files(config, &files);
    string_list_clear(&files);
    raise_level(config, source->verbose);
    if (faults.count > 0)
        config_unref(&config);
    return config;
}

bool table_config_equal(const struct table_config *a, const struct table_config *b)
{
    return a->kind == b->kind && schema_equal(&schema_table, a, b) &&
           (a->settings == NULL || schema_equal(a->kind->settings, a->settings, b->settings));
}

struct config *config_ref(struct config *config)
{
    config->refs++;
    return config;
}

void config_unref(struct config **pconfig)
{
    struct config *config = *pconfig;

    *pconfig = NULL;
    if (config == NULL || --config->refs > 0)
        return;
    for (size_t i = 0; i < config->table_count; i++)
        table_config_clear(&config->tables[i]);
    for (size_t i = 0; i < config->listen_count; i++) {
        schema_clear(&schema_listen, &config->listen[i]);
        allow_clear(&config->listen[i].allowed);
        free(config->listen[i].resolved);
        free(config->listen[i].origin);
    }
    schema_clear(&schema_root, config);
    allow_clear(&config->control.allowed);
    allow_clear(&config->http.allowed);
    string_list_clear(&config->warnings);
    paths_free(config);
    free(config->control.resolved);
    free(config->http.resolved);
    free(config->control.origin);
    free(config->http.origin);
    free(config->tables);
    free(config->listen);
    free(config);
}
