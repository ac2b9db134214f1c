#include "health.h"

#include "podop/table_backend.h"

enum { NOT_READY = 503, TABLES_PER_STEP = 16 };

static bool render_live(struct rendering *r)
{
    buf_add(r->out, SPAN("live\n"));
    return false;
}

static void add_suspended(struct rendering *r, struct table *table)
{
    if (!table_is_suspended(table))
        return;
    r->status = NOT_READY;
    buf_add(r->out, SPAN("every URL of table '"));
    buf_add(r->out, table_name(table));
    buf_add(r->out, SPAN("' is suspended\n"));
}

static bool render_ready(struct rendering *r)
{
    size_t *next = r->state;

    if (*next == 0 && r->view->is_stopping) {
        r->status = NOT_READY;
        buf_add(r->out, SPAN("podop is stopping\n"));
    }
    for (int i = 0; i < TABLES_PER_STEP; i++) {
        struct table *table = router_table(r->view->router, (*next)++);

        if (table == NULL) {
            if (r->status != NOT_READY)
                buf_add(r->out, SPAN("ready\n"));
            return false;
        }
        add_suspended(r, table);
    }
    return true;
}

const struct document_kind document_live = {
    .path = "/live",
    .media_type = "text/plain; charset=utf-8",
    .step = render_live,
};

const struct document_kind document_ready = {
    .path = "/ready",
    .state_bytes = sizeof(size_t),
    .media_type = "text/plain; charset=utf-8",
    .step = render_ready,
};
