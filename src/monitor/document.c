#include "document.h"

#include "podop/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLICE_US = 200,
    DOCUMENT_BYTES_MAX = 256 * 1024 * 1024,
    STEP_BYTES_MAX = 1024 * 1024,
};

/* Frees what the rendering has made, and leaves its requests waiting. */
static void drop(struct document *d)
{
    slices_stop(&d->slices);
    if (d->body != NULL && d->kind->end != NULL)
        d->kind->end(d->state);
    web_body_unref(&d->body);
    buf_deinit(&d->out);
}

static void answer_all(struct document *d, unsigned status, struct web_body *body)
{
    struct web_answer answer = {
        .status = status, .media_type = d->kind->media_type, .headers = d->kind->headers};
    struct list requests;
    struct web_request *request;

    list_init(&requests);
    list_move_all(&requests, &d->waiting);
    while ((request = web_request_pop(&requests)) != NULL) {
        answer.body = web_body_ref(body);
        web_request_answer(request, &answer);
    }
    web_body_unref(&body);
}

static void fail(struct document *d, unsigned status, const char *reason)
{
    drop(d);
    answer_all(d, status, web_body_of(span_of(reason)));
}

static void finish(struct document *d)
{
    struct web_body *body = web_body_ref(d->body);

    drop(d);
    answer_all(d, d->status, body);
}

static bool step(void *arg)
{
    struct document *d = arg;
    const struct monitor_view view = d->view(d->arg);
    struct rendering r = {&view, &d->out, d->status, d->state};
    const bool has_more = d->kind->step(&r);

    d->status = r.status;
    if (d->out.is_over || d->body->len > DOCUMENT_BYTES_MAX) {
        fail(d, 500, "the document is too large\n");
        return false;
    }
    web_body_add(d->body, buf_span(&d->out));
    buf_clear(&d->out);
    if (!has_more)
        finish(d);
    return has_more;
}

static void begin(struct document *d)
{
    memset(d->state, 0, d->kind->state_bytes);
    d->status = 200;
    d->body = web_body_new();
    d->renderings++;
    slices_start(&d->slices);
}

void document_init(struct document *d, const struct document_kind *kind, struct ev_loop *loop,
                   monitor_view_fn *view, void *arg)
{
    *d = (struct document){.kind = kind, .view = view, .arg = arg};
    d->state = xcalloc(1, kind->state_bytes + 1);
    slices_init(&d->slices, loop, SLICE_US, step, d);
    buf_init(&d->out, STEP_BYTES_MAX);
    list_init(&d->waiting);
}

void document_deinit(struct document *d)
{
    fail(d, 503, "podop is stopping\n");
    free(d->state);
}

void document_ask(struct document *d, struct web_request *request)
{
    web_request_append(&d->waiting, request);
    if (d->body == NULL)
        begin(d);
}

void document_restart(struct document *d)
{
    if (d->body == NULL)
        return;
    drop(d);
    begin(d);
}
