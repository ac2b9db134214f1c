#include "fake_table.h"

#include "podop/mem.h"

#include "table/json/json_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void fake_file_open(struct fake_file *file, struct span content)
{
    file->fd = memfd_create("test", MFD_CLOEXEC);
    if (file->fd == -1 ||
        (content.len > 0 && write(file->fd, content.ptr, content.len) != (ssize_t)content.len))
        abort();
    snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

void fake_file_close(struct fake_file *file)
{
    close(file->fd);
}

/* Returns the fake of table, found through the ops, which each fake table has its own copy of. */
static struct fake_table *fake_of(const struct table *table)
{
    return (struct fake_table *)((uintptr_t)table->ops - offsetof(struct fake_table, ops));
}

static void fake_start(struct fetch *fetch)
{
    struct fake_table *fake = fake_of(fetch->table);
    struct reply reply = {.status = REPLY_MISS};

    fake->started++;
    if (fake->answers_at_once != NULL && fake->answers_at_once(fetch->key.key, &reply)) {
        fetch_finish(fetch, &reply);
        return;
    }
    if (fake->waiting_count == FAKE_FETCHES_MAX)
        abort();
    fake->waiting[fake->waiting_count++] = fetch;
}

static void take(struct fake_table *fake, size_t n)
{
    fake->waiting_count--;
    memmove(&fake->waiting[n], &fake->waiting[n + 1],
            (fake->waiting_count - n) * sizeof(fake->waiting[0]));
}

static void fake_cancel(struct fetch *fetch)
{
    struct fake_table *fake = fake_of(fetch->table);

    for (size_t i = 0; i < fake->waiting_count; i++) {
        if (fake->waiting[i] == fetch) {
            take(fake, i);
            fake->cancelled++;
            return;
        }
    }
    abort(); /* it is not waiting */
}

static void fake_commit(struct commit *commit)
{
    struct fake_table *fake = fake_of(commit->table);

    if (fake->commit_count == FAKE_COMMITS_MAX)
        abort();
    fake->commits[fake->commit_count++] = commit;
}

static void take_commit(struct fake_table *fake, size_t n)
{
    fake->commit_count--;
    memmove(&fake->commits[n], &fake->commits[n + 1],
            (fake->commit_count - n) * sizeof(fake->commits[0]));
}

static void fake_abort_commit(struct commit *commit)
{
    struct fake_table *fake = fake_of(commit->table);
    size_t n = 0;

    while (n < fake->commit_count && fake->commits[n] != commit)
        n++;
    if (n == fake->commit_count)
        abort(); /* it is not under way */
    take_commit(fake, n);
}

static void fake_deinit(struct table *table)
{
    struct fake_table *fake = fake_of(table);

    if (fake->waiting_count != 0)
        abort();
    if (fake->is_closed != NULL)
        *fake->is_closed = true;
    table_json.deinit(table);
}

static void open_in(struct fake_table *fake, const char *name, const struct table_config *config,
                    const struct table_env *env)
{
    static char type[] = "json";
    struct table_env own_env = *env;
    struct table_config wanted = *config;
    struct error err = {0};
    struct fake_file file;

    *fake = (struct fake_table){.ops = table_json};
    fake->ops.start = fake_start;
    fake->ops.cancel = fake_cancel;
    fake->ops.deinit = fake_deinit;
    fake_file_open(&file, SPAN("{}"));
    wanted.name = xstrdup(name);
    wanted.type = type;
    wanted.param = file.path;
    own_env.log = &fake->log;
    fake->table = table_open(&wanted, &own_env, &err);
    free(wanted.name);
    fake_file_close(&file);
    if (fake->table == NULL) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    fake->table->ops = &fake->ops;
}

void fake_table_open(struct fake_table *fake, const char *name, const struct table_config *config,
                     struct ev_loop *loop)
{
    open_in(fake, name, config, &(struct table_env){.loop = loop});
}

void fake_table_open_in(struct fake_table *fake, const char *name,
                        const struct table_config *config, const struct table_env *env)
{
    open_in(fake, name, config, env);
    fake->ops.commit = fake_commit;
    fake->ops.abort_commit = fake_abort_commit;
}

void fake_table_close(struct fake_table *fake)
{
    table_unref(&fake->table);
}

void fake_table_answer(struct fake_table *fake, size_t n, const struct reply *reply)
{
    struct fetch *fetch = fake->waiting[n];

    if (n >= fake->waiting_count)
        abort();
    take(fake, n);
    fetch_finish(fetch, reply);
}

void fake_table_end_commit(struct fake_table *fake, size_t n, bool is_sent,
                           const struct reply *reply)
{
    struct commit *commit = fake->commits[n];

    if (n >= fake->commit_count)
        abort();
    take_commit(fake, n);
    commit->changes_sent = is_sent ? commit->transaction->count : 0;
    commit_finish(commit, reply);
}

struct reply fake_found(struct span value)
{
    return (struct reply){.status = REPLY_FOUND, .map_value = value, .dict_value = value};
}
