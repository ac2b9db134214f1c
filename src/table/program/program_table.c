/* program_table.c - opens program tables. Their co-process is any program that reads and writes
 * lines of JSON. */
#include "program_table.h"
#include "table/identity.h"

#include "podop/coprocess.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int program_table_check_param(const struct table_config *config, const char *param,
                                     struct error *err)
{
    struct shell_words words;

    if (!span_is_utf8(span_of(config->name)))
        return error_set(err, ERR_CONFIG, "the name of a program table must be valid UTF-8");
    if (shell_words_split(&words, param, err) == -1)
        return -1;
    shell_words_free(&words);
    return 0;
}

/* Returns the file of the program, or NULL for a name without a slash, which is searched for in
 * the usual directories. */
static char *program_table_file(const char *param, enum path_need *need)
{
    struct error ignored = {0};
    struct shell_words words;
    char *file;

    if (shell_words_split(&words, param, &ignored) == -1)
        return NULL;
    *need = PATH_RUN;
    file = strchr(words.items[0], '/') == NULL ? NULL : xstrdup(words.items[0]);
    shell_words_free(&words);
    return file;
}

static size_t program_table_descriptors(const struct table_config *config)
{
    const struct program_settings *settings = config->settings;

    return (size_t)COPROCESS_DESCRIPTORS * settings->processes;
}

static bool is_program(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* Looks in the directories that podop-program(7) names. */
static char *search(const char *name)
{
    static const char *const directories[] = {
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    };
    char path[4096];

    for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
        int len = snprintf(path, sizeof(path), "%s/%s", directories[i], name);

        if (len < (int)sizeof(path) && is_program(path))
            return xstrdup(path);
    }
    return NULL;
}

/* Returns the path of the program, to be freed; or NULL with the reason in err. */
static char *find_program(const char *name, struct error *err)
{
    char *found;

    if (strchr(name, '/') == NULL) {
        found = search(name);
        if (found == NULL)
            error_set(err, ERR_CONFIG, "program '%.200s' not found in any of the usual directories",
                      name);
        return found;
    }
    if (name[0] != '/') {
        error_set(err, ERR_CONFIG,
                  "invalid program '%.200s': expected an absolute path or a name without '/'",
                  name);
        return NULL;
    }
    if (is_program(name))
        return xstrdup(name);
    if (access(name, X_OK) == -1)
        error_errno(err, "%.200s", name);
    else
        error_set(err, ERR_CONFIG, "%.200s: not a regular file", name);
    return NULL;
}

static int program_table_init(struct table *table, const struct table_config *config,
                              struct error *err)
{
    struct shell_words words;
    char *path;

    if (shell_words_split(&words, config->param, err) == -1)
        return -1;
    path = find_program(words.items[0], err);
    if (path == NULL) {
        shell_words_free(&words);
        return -1;
    }
    program_table_of(table)->set = program_set_new(table, config->settings, &words, path);
    return 0;
}

static void program_table_deinit(struct table *table)
{
    program_set_free(&program_table_of(table)->set);
}

/* A configuration that is refused starts no program, though its tables were opened. */
static void program_table_activate(struct table *table)
{
    program_set_start(program_set_of(table));
}

/* The program is given key and user apart, so "a/b" of no user and "a" of user "b" are two keys. */
static bool program_table_identify(struct table *table, const struct table_key *key,
                                   struct identity *identity)
{
    (void)table;
    identity_split(identity, key);
    return true;
}

static void program_table_add_stats(struct table *table, struct buf *out)
{
    program_set_add_stats(program_set_of(table), out);
}

static bool program_table_backend(struct table *table, size_t i, struct table_backend *to)
{
    program_set_describe(program_set_of(table), to);
    return i == 0;
}

const struct table_ops table_program = {
    .config =
        {
            .name = "program",
            .settings_bytes = sizeof(struct program_settings),
            .settings = &program_settings,
            .can_write = true,
            .runs_programs = true,
            .check_param = program_table_check_param,
            .param_file = program_table_file,
        },
    .size = sizeof(struct program_table),
    .fetch_bytes = sizeof(struct program_fetch),
    .init = program_table_init,
    .deinit = program_table_deinit,
    .activate = program_table_activate,
    .descriptors = program_table_descriptors,
    .identify = program_table_identify,
    .add_stats = program_table_add_stats,
    .backend = program_table_backend,
    .start = program_table_start,
    .cancel = program_table_cancel,
    .change_fault = program_table_change_fault,
    .commit_bytes = sizeof(struct program_commit),
    .commit = program_table_commit,
    .abort_commit = program_table_abort_commit,
    .iteration_bytes = sizeof(struct program_iteration),
    .go_on = program_table_go_on,
    .stop = program_table_stop,
};
