#include "reload.h"

#include "reload_resolve.h"

#include "podop/mem.h"
#include "podop/slices.h"
#include "podop/thread.h"

#include <ev.h>

#include <stdlib.h>

enum {
    FAULTS_BYTES_MAX = 1024 * 1024, /* later faults of the configuration are not reported */
    SLICE_US = 2000,
};

struct reload {
    struct reload_env env;
    struct reloaded result;
    struct slices opening;
    bool is_cancelled;
    bool has_thread;
    pthread_t thread;
    ev_async read;     /* sent by the thread at its end */
    struct buf faults; /* of the configuration, each with a NUL; used by the thread until its end */
};

void reload_read_files(const struct config *config, struct json_files *files,
                       const struct json_files *previous)
{
    for (size_t i = 0; i < config->table_count; i++)
        table_prepare(&config->tables[i], files, previous);
}

static void add_fault(void *arg, const char *text)
{
    struct buf *faults = arg;

    buf_add(faults, (struct span){text, strlen(text) + 1}); /* as a whole, or not at all */
}

/* Runs in the thread. */
static void read_all(struct reload *r)
{
    r->result.config = config_load(r->env.source, add_fault, &r->faults);
    if (r->result.config != NULL) {
        reload_resolve(r->result.config, r->env.config);
        reload_read_files(r->result.config, r->result.json_files, r->env.json_files);
    }
    ev_async_send(r->env.tables.loop, &r->read);
}

static void *run(void *arg)
{
    read_all(arg);
    return NULL;
}

static void drop_result(struct reloaded *result)
{
    router_free(&result->router);
    json_files_free(&result->json_files);
    config_unref(&result->config);
}

/* Ends the reload: calls done, then frees what done did not take. */
static void end(struct reload *r, bool is_good)
{
    struct reloaded result = r->result;

    r->result = (struct reloaded){0};
    if (!is_good)
        drop_result(&result);
    if (!r->is_cancelled) {
        const struct reload_env env = r->env;

        reload_free(&r);
        env.done(env.arg, is_good ? &result : NULL);
        drop_result(&result);
    }
}

static bool open_next(void *arg)
{
    struct reload *r = arg;

    if (router_open_next(r->result.router, &r->env.tables, r->env.report, r->env.arg))
        return true;
    router_end(&r->result.router);
    end(r, r->result.router != NULL);
    return false;
}

static void report_faults(const struct reload *r)
{
    const char *end = r->faults.ptr + r->faults.len;

    for (const char *text = r->faults.ptr; text != end; text += strlen(text) + 1)
        r->env.report(r->env.arg, text);
}

static void join(struct reload *r)
{
    if (r->has_thread)
        pthread_join(r->thread, NULL);
    r->has_thread = false;
}

static void on_read(struct ev_loop *loop, ev_async *w, int revents)
{
    struct reload *r = w->data;

    (void)revents;
    ev_async_stop(loop, w);
    join(r);
    if (r->is_cancelled)
        return;
    if (r->faults.len > 0)
        report_faults(r);
    if (r->result.config == NULL || r->env.check(r->env.arg, r->result.config) == -1) {
        end(r, false);
        return;
    }
    r->env.tables.json_files = r->result.json_files;
    r->result.router = router_begin(r->result.config);
    slices_start(&r->opening);
}

/* When no thread can be created, the files are read here and the loop waits. */
static void start_thread(struct reload *r)
{
    r->has_thread = thread_start(&r->thread, run, r) == 0;
    if (!r->has_thread)
        read_all(r);
}

struct reload *reload_start(const struct reload_env *env)
{
    struct reload *r = xcalloc(1, sizeof(*r));

    r->env = *env;
    r->result.json_files = json_files_new(env->tables.disposal);
    slices_init(&r->opening, env->tables.loop, SLICE_US, open_next, r);
    buf_init(&r->faults, FAULTS_BYTES_MAX);
    ev_async_init(&r->read, on_read);
    r->read.data = r;
    ev_async_start(env->tables.loop, &r->read);
    start_thread(r);
    return r;
}

void reload_cancel(struct reload *r)
{
    r->is_cancelled = true;
    json_files_cancel(r->result.json_files);
    slices_stop(&r->opening);
}

void reload_free(struct reload **preload)
{
    struct reload *r = *preload;

    if (r == NULL)
        return;
    *preload = NULL;
    if (r->has_thread)
        json_files_cancel(r->result.json_files);
    join(r);
    ev_async_stop(r->env.tables.loop, &r->read);
    slices_stop(&r->opening);
    drop_result(&r->result);
    buf_deinit(&r->faults);
    free(r);
}
