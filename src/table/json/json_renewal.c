#include "podop/json_renewal.h"

#include "podop/list.h"
#include "podop/worker.h"

#include "mail/key_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct json_renewals {
    struct file_watch *watch;
    struct log *log;
    struct disposal *disposal;
    struct worker *worker;
    struct list files;
};

/* One file, for all tables that read it in the same way. */
struct file {
    struct list_node node; /* in json_renewals.files */
    struct json_renewals *all;
    char *path;
    struct key_rules *rules;  /* of its keys */
    struct json_index *index; /* the last good one, a reference */
    struct watched_files *watched;
    struct list users; /* empty: only the job is left */
    bool is_reading;
    bool is_due;        /* read again after the reading under way */
    bool is_outdated;   /* the reading under way may be older than index */
    bool has_read;      /* at least once */
    struct error known; /* the last reason why the file could not be used; empty: none */
    atomic_bool is_cancelled;
    /* The thread uses these while is_reading. */
    struct worker_job job;
    struct json_index *before; /* a reference */
    struct json_index *found;  /* a reference; NULL: failure says why */
    struct error failure;
    bool is_denied; /* podop's user may not read the file */
};

struct json_renewal {
    struct list_node node; /* in file.users */
    struct file *file;
    struct json_renewal_user user;
};

/* Reading, in the thread */

static void run(struct worker_job *job)
{
    struct file *file = CONTAINER_OF(job, struct file, job);

    file->failure = (struct error){0};
    if (json_index_is_current(file->before, file->path))
        file->found = json_index_ref(file->before);
    else
        file->found = json_index_read(file->path, file->rules, &file->is_cancelled, &file->failure);
    file->is_denied = file->found == NULL && access(file->path, R_OK) == -1 && errno == EACCES;
}

/* What was read */

static void file_free(struct file *file)
{
    struct disposal *disposal = file->all->disposal;

    list_remove(&file->node);
    file_watch_remove(&file->watched);
    json_index_unref(&file->index, disposal);
    json_index_unref(&file->before, disposal);
    json_index_unref(&file->found, disposal);
    key_rules_free(&file->rules);
    free(file->path);
    free(file);
}

static void log_kept(const struct file *file)
{
    static const char hint[] = "; the user that podop runs as must be able to read the file";
    char reason[sizeof(file->failure.text) + sizeof(hint)];

    snprintf(reason, sizeof(reason), "%s%s", file->failure.text, file->is_denied ? hint : "");
    LIST_FOR_EACH (at, &file->users) {
        const struct json_renewal *renewal = CONTAINER_OF(at, struct json_renewal, node);

        log_warning(file->all->log, "json_kept", LOG_STR("table", renewal->user.table),
                    LOG_STR("reason", reason));
    }
}

/* Logs each reason once. At the start, a warning about the configuration says already which files
 * cannot be read. */
static void keep(struct file *file)
{
    if (strcmp(file->known.text, file->failure.text) == 0 || (!file->has_read && file->is_denied))
        return;
    file->known = file->failure;
    log_kept(file);
}

static void take_found(struct file *file)
{
    if (file->found == NULL) {
        keep(file);
        return;
    }
    file->known.text[0] = '\0';
    json_index_unref(&file->index, file->all->disposal);
    file->index = file->found;
    file->found = NULL;
    LIST_FOR_EACH (at, &file->users) {
        const struct json_renewal *renewal = CONTAINER_OF(at, struct json_renewal, node);

        renewal->user.renewed(renewal->user.arg, file->index);
    }
}

static void begin(struct file *file)
{
    file->is_reading = true;
    file->is_due = file->is_outdated = false;
    file->before = json_index_ref(file->index);
    worker_add(file->all->worker, &file->job);
}

static void on_read(struct worker_job *job)
{
    struct file *file = CONTAINER_OF(job, struct file, job);

    file->is_reading = false;
    json_index_unref(&file->before, file->all->disposal);
    if (list_is_empty(&file->users)) {
        file_free(file);
        return;
    }
    if (!file->is_outdated)
        take_found(file);
    json_index_unref(&file->found, file->all->disposal);
    file->has_read = true;
    if (file->is_due)
        begin(file);
}

static void read_again(struct file *file)
{
    if (file->is_reading)
        file->is_due = true;
    else
        begin(file);
}

static void on_changed(void *arg)
{
    read_again(arg);
}

/* Files */

static struct file *find(const struct json_renewals *all, const char *path,
                         const struct key_rules *rules)
{
    LIST_FOR_EACH (at, &all->files) {
        struct file *file = CONTAINER_OF(at, struct file, node);

        if (!list_is_empty(&file->users) && strcmp(file->path, path) == 0 &&
            key_rules_equal(file->rules, rules))
            return file;
    }
    return NULL;
}

static struct file *file_new(struct json_renewals *all, const char *path,
                             const struct key_rules *rules, struct json_index *index)
{
    struct file *file = xcalloc(1, sizeof(*file));

    file->all = all;
    file->path = xstrdup(path);
    file->rules = key_rules_copy(rules);
    file->index = json_index_ref(index);
    file->job = (struct worker_job){.run = run, .done = on_read};
    atomic_init(&file->is_cancelled, false);
    list_init(&file->users);
    list_append(&all->files, &file->node);
    file->watched = file_watch_add(all->watch, (const char *const[]){path}, 1, on_changed, file);
    return file;
}

/* Whether this index or the one before is that of the present file is seen by reading again. */
static void set_index(struct file *file, struct json_index *index)
{
    if (file->index == index)
        return;
    json_index_unref(&file->index, file->all->disposal);
    file->index = json_index_ref(index);
    file->is_outdated = file->is_reading;
    read_again(file);
}

struct json_renewal *json_renewal_start(struct json_renewals *all, const char *path,
                                        struct json_index *index,
                                        const struct json_renewal_user *user)
{
    struct json_renewal *renewal = xcalloc(1, sizeof(*renewal));
    struct file *file = find(all, path, user->rules);
    const bool is_older = file != NULL && json_index_is_older(index, file->index);

    if (file == NULL)
        file = file_new(all, path, user->rules, index);
    else if (!is_older)
        set_index(file, index);
    renewal->file = file;
    renewal->user = *user;
    list_append(&file->users, &renewal->node);
    if (is_older) /* the file has changed while a reload went on after reading it */
        user->renewed(user->arg, file->index);
    return renewal;
}

void json_renewal_stop(struct json_renewal **prenewal)
{
    struct json_renewal *renewal = *prenewal;
    struct file *file = renewal == NULL ? NULL : renewal->file;

    if (renewal == NULL)
        return;
    *prenewal = NULL;
    list_remove(&renewal->node);
    free(renewal);
    if (!list_is_empty(&file->users))
        return;
    file_watch_remove(&file->watched);
    if (file->is_reading)
        atomic_store(&file->is_cancelled, true);
    else
        file_free(file);
}

/* All files */

struct json_renewals *json_renewals_new(struct ev_loop *loop, struct file_watch *watch,
                                        struct log *log, struct disposal *disposal)
{
    struct json_renewals *all = xcalloc(1, sizeof(*all));

    all->watch = watch;
    all->log = log;
    all->disposal = disposal;
    all->worker = worker_new(loop);
    list_init(&all->files);
    return all;
}

void json_renewals_free(struct json_renewals **pall)
{
    struct json_renewals *all = *pall;

    if (all == NULL)
        return;
    *pall = NULL;
    worker_free(&all->worker);
    free(all);
}
