#include "podop/json_files.h"

#include "podop/mem.h"

#include "mail/key_rules.h"

#include <stdlib.h>

struct file {
    struct file *next;
    char *path;
    struct key_rules *rules;  /* of the keys */
    struct json_index *index; /* a reference; NULL: it could not be read */
    struct error why;         /* why it could not be read */
};

struct json_files {
    struct disposal *disposal;
    struct file *first;
    atomic_bool is_cancelled;
};

struct json_files *json_files_new(struct disposal *disposal)
{
    struct json_files *files = xcalloc(1, sizeof(*files));

    files->disposal = disposal;
    atomic_init(&files->is_cancelled, false);
    return files;
}

void json_files_free(struct json_files **pfiles)
{
    struct json_files *files = *pfiles;
    struct file *next;

    if (files == NULL)
        return;
    *pfiles = NULL;
    for (struct file *file = files->first; file != NULL; file = next) {
        next = file->next;
        json_index_unref(&file->index, files->disposal);
        key_rules_free(&file->rules);
        free(file->path);
        free(file);
    }
    free(files);
}

static struct file *find(const struct json_files *files, const char *path,
                         const struct key_rules *rules)
{
    struct file *file = files == NULL ? NULL : files->first;

    while (file != NULL && (strcmp(file->path, path) != 0 || !key_rules_equal(file->rules, rules)))
        file = file->next;
    return file;
}

/* Returns the file, which was read before or is read now. */
static struct file *find_or_read(struct json_files *files, const struct json_files *previous,
                                 const char *path, const struct key_config *config)
{
    struct key_rules *rules = key_rules_new(config);
    const struct file *old = find(previous, path, rules);
    struct file *file = find(files, path, rules);

    if (file != NULL) {
        key_rules_free(&rules);
        return file;
    }
    file = xcalloc(1, sizeof(*file));
    file->path = xstrdup(path);
    file->rules = rules;
    if (old != NULL && old->index != NULL && json_index_is_current(old->index, path))
        file->index = json_index_ref(old->index);
    else
        file->index = json_index_read(path, rules, &files->is_cancelled, &file->why);
    file->next = files->first;
    files->first = file;
    return file;
}

void json_files_read(struct json_files *files, const struct json_files *previous, const char *path,
                     const struct key_config *config)
{
    find_or_read(files, previous, path, config);
}

void json_files_cancel(struct json_files *files)
{
    atomic_store(&files->is_cancelled, true);
}

struct json_index *json_files_get(struct json_files *files, const char *path,
                                  const struct key_config *config, struct error *err)
{
    const struct file *file = find_or_read(files, NULL, path, config);

    if (file->index != NULL)
        return json_index_ref(file->index);
    *err = file->why;
    return NULL;
}
