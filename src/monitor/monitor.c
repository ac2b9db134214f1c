#include "monitor.h"

#include "documents.h"
#include "past.h"

#include "podop/mem.h"

#include <stdlib.h>
#include <string.h>

struct monitor {
    struct ev_loop *loop;
    struct web_server *server; /* NULL: not started */
    struct document documents[DOCUMENTS_MAX];
    size_t count;
    monitor_view_fn *view; /* without the past */
    void *arg;
    struct past *past; /* NULL: nothing is remembered */
};

static bool is_wanted(const struct document *d, const struct web_request *request)
{
    return strcmp(d->kind->path, web_request_path(request)) == 0 &&
           (d->kind->is_wanted == NULL ||
            d->kind->is_wanted(web_request_header(request, "Accept")));
}

static void on_request(void *arg, struct web_request *request)
{
    struct monitor *m = arg;

    for (size_t i = 0; i < m->count; i++) {
        if (is_wanted(&m->documents[i], request)) {
            document_ask(&m->documents[i], request);
            return;
        }
    }
    web_request_answer(request, &(struct web_answer){.status = 404,
                                                     .media_type = "text/plain; charset=utf-8",
                                                     .body = web_body_of(SPAN("not found\n"))});
}

static struct monitor_view view_of(void *arg)
{
    const struct monitor *m = arg;
    struct monitor_view view = m->view(m->arg);

    view.past = m->past;
    return view;
}

struct monitor *monitor_new(struct ev_loop *loop, monitor_view_fn *view, void *arg)
{
    struct monitor *m = xcalloc(1, sizeof(*m));

    m->loop = loop;
    m->view = view;
    m->arg = arg;
    for (; documents[m->count] != NULL; m->count++)
        document_init(&m->documents[m->count], documents[m->count], loop, view_of, m);
    return m;
}

void monitor_free(struct monitor **pmonitor)
{
    struct monitor *m = *pmonitor;

    if (m == NULL)
        return;
    *pmonitor = NULL;
    for (size_t i = 0; i < m->count; i++)
        document_deinit(&m->documents[i]);
    web_server_free(&m->server);
    past_free(&m->past);
    free(m);
}

int monitor_start(struct monitor *m, struct error *err)
{
    if (m->server == NULL)
        m->server = web_server_new(m->loop, on_request, m, err);
    return m->server == NULL ? -1 : 0;
}

void monitor_remember(struct monitor *m, bool is_wanted)
{
    if (!is_wanted)
        past_free(&m->past);
    else if (m->past == NULL)
        m->past = past_new(m->loop, m->view, m->arg);
}

void monitor_add(struct monitor *m, int fd, web_gone_fn *gone, void *arg)
{
    web_server_add(m->server, fd, gone, arg);
}

void monitor_restart(struct monitor *m)
{
    for (size_t i = 0; i < m->count; i++)
        document_restart(&m->documents[i]);
    if (m->past != NULL)
        past_restart(m->past);
}
