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

/* Each fake table has ops of its own, which lead back to it. */
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

static void fake_deinit(struct table *table)
{
    struct fake_table *fake = fake_of(table);

    if (fake->waiting_count != 0)
        abort();
    if (fake->is_closed != NULL)
        *fake->is_closed = true;
    table_json.deinit(table);
}

void fake_table_open(struct fake_table *fake, const char *name, const struct table_config *config,
                     struct ev_loop *loop)
{
    static char type[] = "json";
    const struct table_env env = {.loop = loop, .log = &fake->log};
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
    fake->table = table_open(&wanted, &env, &err);
    free(wanted.name);
    fake_file_close(&file);
    if (fake->table == NULL) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    fake->table->ops = &fake->ops;
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

struct reply fake_found(struct span value)
{
    return (struct reply){.status = REPLY_FOUND, .map_value = value, .dict_value = value};
}
