#include "reloads.h"

static void report(void *arg, const char *text)
{
    struct reloads *all = arg;

    all->ops->fault(all->arg, text);
    if (all->is_logged)
        log_error(all->log, "reload_failed", LOG_STR("reason", text));
    LIST_FOR_EACH (node, &all->requests) {
        const struct reload_request *request = CONTAINER_OF(node, struct reload_request, node);

        request->report(request->arg, text);
    }
}

static int check(void *arg, const struct config *config)
{
    struct reloads *all = arg;
    struct error err = {0};

    if (all->ops->check(all->arg, config, &err) == 0)
        return 0;
    report(all, err.text);
    return -1;
}

static void complete_requests(struct reloads *all, int status)
{
    struct list_node *node;

    while ((node = list_pop(&all->requests)) != NULL) {
        const struct reload_request *request = CONTAINER_OF(node, struct reload_request, node);

        request->done(request->arg, status);
    }
    all->is_logged = false;
}

/* Moves the requests for a later reload to the one that begins now. */
static void take_due(struct reloads *all)
{
    list_move_all(&all->requests, &all->later_requests);
    all->is_logged = all->is_later_logged;
    all->is_due = all->is_later_logged = false;
}

static void done(void *arg, struct reloaded *next);

static void begin(struct reloads *all)
{
    struct reload_env env;

    take_due(all);
    env = all->ops->begin(all->arg);
    env.report = report;
    env.check = check;
    env.done = done;
    env.arg = all;
    all->current = reload_start(&env);
}

static void done(void *arg, struct reloaded *next)
{
    struct reloads *all = arg;
    struct error err = {0};
    int status = next == NULL ? -1 : all->ops->switch_to(all->arg, next, &err);

    all->current = NULL;
    if (err.text[0] != '\0')
        report(all, err.text);
    all->ops->ended(all->arg, status);
    complete_requests(all, status);
    if (all->is_due)
        begin(all);
}

static void refuse(struct reloads *all)
{
    report(all, "podop is stopping");
    complete_requests(all, -1);
}

static void refuse_due(void *arg)
{
    take_due(arg);
    refuse(arg);
}

void reloads_init(struct reloads *all, const struct reloads_ops *ops, void *arg,
                  struct ev_loop *loop, struct log *log)
{
    *all = (struct reloads){.ops = ops, .arg = arg, .loop = loop, .log = log};
    list_init(&all->requests);
    list_init(&all->later_requests);
    deferred_init(&all->refusal, loop, 0, refuse_due, all);
}

static void want(struct reloads *all)
{
    all->is_due = true;
    if (all->is_stopping)
        deferred_start(&all->refusal);
    else if (all->current == NULL)
        begin(all);
}

void reloads_want_logged(struct reloads *all)
{
    all->is_later_logged = true;
    want(all);
}

void reloads_want(struct reloads *all, struct reload_request *request)
{
    list_append(&all->later_requests, &request->node);
    want(all);
}

void reloads_stop(struct reloads *all)
{
    all->is_stopping = true;
    if (all->current == NULL)
        return;
    reload_cancel(all->current);
    refuse(all);
    if (all->is_due)
        want(all);
}

void reloads_deinit(struct reloads *all)
{
    if (all->loop == NULL)
        return;
    deferred_stop(&all->refusal);
    reload_free(&all->current);
}
