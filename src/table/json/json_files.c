#include "podop/json_files.h"

#include "podop/mem.h"

#include "mail/key_rules.h"

#include <pthread.h>
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
    pthread_mutex_t *lock; /* of the index of each file; a pointer, because previous is const */
    struct file *first;
    atomic_bool is_cancelled;
};

struct json_files *json_files_new(struct disposal *disposal)
{
    struct json_files *files = xcalloc(1, sizeof(*files));

    files->disposal = disposal;
    files->lock = xmalloc(sizeof(pthread_mutex_t));
    pthread_mutex_init(files->lock, NULL);
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
    pthread_mutex_destroy(files->lock);
    free(files->lock);
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

/* Returns a reference to the index of old if the file has not changed, or NULL. */
static struct json_index *share_current(const struct json_files *previous, const struct file *old)
{
    struct json_index *index;

    if (old == NULL)
        return NULL;
    pthread_mutex_lock(previous->lock);
    index = old->index == NULL ? NULL : json_index_ref(old->index);
    pthread_mutex_unlock(previous->lock);
    if (index != NULL && !json_index_is_current(index, old->path))
        json_index_unref(&index, NULL);
    return index;
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
    file->index = share_current(previous, old);
    if (file->index == NULL)
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

void json_files_replace(struct json_files *files, const struct json_index *index,
                        struct json_index *next)
{
    for (struct file *file = files->first; file != NULL; file = file->next) {
        struct json_index *before = file->index;

        if (before == NULL || before != index)
            continue;
        pthread_mutex_lock(files->lock);
        file->index = json_index_ref(next);
        pthread_mutex_unlock(files->lock);
        json_index_unref(&before, files->disposal);
    }
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
