/* suffix_table.c - tables that answer each key with the key and a suffix: the example of
 * docs/howto-table-type.md. */
#include "table/fetch.h"
#include "table/table_type.h"

#include "podop/deadline.h"
#include "podop/mem.h"

#include <stdlib.h>

enum { SUFFIX_BYTES_MAX = 100, VALUE_BYTES_MAX = 64 * 1024 };

struct suffix_settings {
    uint32_t delay_ms; /* 0: answer at once */
};

static const struct setting settings[] = {
    {"delay", SETTING_DURATION, SETTING_FIELD(suffix_settings, delay_ms), 0, SETTING_DAY_MS,
     .default_text = "0", .doc = "how long an answer takes"},
};
static const struct setting_group suffix_settings = {.name = "tables", SETTINGS_OF(settings)};

struct suffix_table {
    struct table base; /* first: a table's struct begins with it */
    char *suffix;
    uint32_t delay_ms;
};

static struct suffix_table *suffix_table_of(struct table *table)
{
    return CONTAINER_OF(table, struct suffix_table, base);
}

static int suffix_table_check_param(const struct table_config *config, const char *param,
                                    struct error *err)
{
    (void)config;
    if (strlen(param) > SUFFIX_BYTES_MAX)
        return error_set(err, ERR_CONFIG, "the suffix has more than %d bytes", SUFFIX_BYTES_MAX);
    return 0;
}

static int suffix_table_init(struct table *table, const struct table_config *config,
                             struct error *err)
{
    const struct suffix_settings *wanted = config->settings;
    struct suffix_table *t = suffix_table_of(table);

    (void)err;
    t->suffix = xstrdup(config->param);
    t->delay_ms = wanted->delay_ms;
    return 0;
}

static void suffix_table_deinit(struct table *table)
{
    free(suffix_table_of(table)->suffix);
}

struct suffix_fetch {
    struct fetch base;    /* first: a lookup's struct begins with it */
    struct deadline wait; /* runs while the answer is delayed */
};

static struct suffix_fetch *suffix_fetch_of(struct fetch *fetch)
{
    return CONTAINER_OF(fetch, struct suffix_fetch, base);
}

/* Answers fetch, which is freed when this returns. */
static void answer(struct fetch *fetch)
{
    struct buf value;
    struct reply reply = {.status = REPLY_FOUND};

    buf_init(&value, VALUE_BYTES_MAX);
    buf_add(&value, fetch->key.key);
    buf_add(&value, span_of(suffix_table_of(fetch->table)->suffix));
    if (value.is_over)
        reply.status = REPLY_MISS;
    else
        reply.map_value = reply.dict_value = buf_span(&value);
    fetch_finish(fetch, &reply);
    buf_deinit(&value);
}

static void on_waited(void *arg)
{
    struct suffix_fetch *f = arg;
    char text[TABLE_REASON_BYTES];

    if (service_now_ms(f->base.table->env.loop) < f->base.deadline_at_ms)
        answer(&f->base);
    else
        fetch_finish(&f->base, &(struct reply){.status = REPLY_TIMEOUT,
                                               .reason = table_reason(f->base.table, text,
                                                                      "the delay is too long")});
}

static void suffix_table_start(struct fetch *fetch)
{
    struct suffix_fetch *f = suffix_fetch_of(fetch);
    const uint32_t delay_ms = suffix_table_of(fetch->table)->delay_ms;
    const uint64_t answer_at_ms = table_now_ms(fetch->table) + delay_ms;

    if (delay_ms == 0) {
        answer(fetch);
        return;
    }
    deadline_init(&f->wait, on_waited, f);
    deadline_start(&f->wait, fetch->table->env.loop,
                   answer_at_ms < fetch->deadline_at_ms ? answer_at_ms : fetch->deadline_at_ms);
}

static void suffix_table_cancel(struct fetch *fetch)
{
    deadline_stop(&suffix_fetch_of(fetch)->wait);
}

const struct table_ops table_suffix = {
    .config =
        {
            .name = "suffix",
            .settings_bytes = sizeof(struct suffix_settings),
            .settings = &suffix_settings,
            .check_param = suffix_table_check_param,
        },
    .size = sizeof(struct suffix_table),
    .init = suffix_table_init,
    .deinit = suffix_table_deinit,
    .fetch_bytes = sizeof(struct suffix_fetch),
    .start = suffix_table_start,
    .cancel = suffix_table_cancel,
};
