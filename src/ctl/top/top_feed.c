#include "top_feed.h"

#include "podop/json_value.h"

#include <poll.h>

enum { CONNECT_MS_MAX = 1000 }; /* a key and a signal wait for as long */

void top_feed_init(struct top_feed *f, const char *where, uint32_t timeout_ms)
{
    *f = (struct top_feed){.where = where, .timeout_ms = timeout_ms};
}

void top_feed_deinit(struct top_feed *f)
{
    if (f->is_open)
        channel_close(&f->channel);
    f->is_open = f->is_asked = false;
}

static int fail(struct top_feed *f)
{
    top_feed_deinit(f);
    return -1;
}

int top_feed_ask(struct top_feed *f, struct error *err)
{
    const uint32_t connect_ms = f->timeout_ms < CONNECT_MS_MAX ? f->timeout_ms : CONNECT_MS_MAX;

    if (f->is_asked)
        return 0;
    if (!f->is_open && channel_open(&f->channel, f->where, "control", connect_ms, err) == -1) {
        channel_close(&f->channel);
        return -1;
    }
    f->channel.timeout_ms = f->timeout_ms;
    f->is_open = f->is_asked = true;
    buf_clear(&f->channel.in);
    buf_add(&f->channel.out, SPAN("{\"command\":\"stats\"}\n"));
    return 0;
}

static int check(const struct channel *c, struct span answer, struct error *err)
{
    struct span part = answer;
    struct error why;

    if (json_check(answer, &why) == -1 || json_kind(answer) != JSON_OBJECT)
        return error_set(err, ERR_INPUT, "unexpected answer on %s: is podop listening there?",
                         c->where);
    if (json_select(&part, SPAN("/ok")) && span_equal(part, SPAN("true")))
        return 0;
    return error_set(err, ERR_INPUT, "podop on %s refused to tell its counters", c->where);
}

int top_feed_wait(struct top_feed *f, int other, bool *has_answer, struct span *answer,
                  struct error *err)
{
    struct pollfd fd = {.fd = other, .events = POLLIN};
    struct channel *c = &f->channel;
    bool ignored;

    *has_answer = false;
    if (!f->is_open) {
        poll(&fd, 1, -1);
        return 0;
    }
    if (channel_wait(c, f->is_asked, other, &ignored, err) == -1)
        return fail(f);
    if (!f->is_asked || c->in.len == 0 || c->in.ptr[c->in.len - 1] != '\n')
        return 0;
    f->is_asked = false;
    *answer = (struct span){c->in.ptr, c->in.len - 1};
    *has_answer = true;
    return check(c, *answer, err) == -1 ? fail(f) : 0;
}
