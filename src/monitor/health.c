#include "health.h"

enum { NOT_READY = 503 };

static bool render_live(struct rendering *r)
{
    buf_add(r->out, SPAN("live\n"));
    return false;
}

static bool render_ready(struct rendering *r)
{
    if (r->view->is_stopping) {
        r->status = NOT_READY;
        buf_add(r->out, SPAN("podop is stopping\n"));
    } else {
        buf_add(r->out, SPAN("ready\n"));
    }
    return false;
}

const struct document_kind document_live = {
    .path = "/live",
    .media_type = "text/plain; charset=utf-8",
    .step = render_live,
};

const struct document_kind document_ready = {
    .path = "/ready",
    .media_type = "text/plain; charset=utf-8",
    .step = render_ready,
};
