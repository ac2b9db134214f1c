/* iterate.c - the command iterate, which prints rows as they arrive. */
#include "command.h"
#include "output.h"
#include "replies.h"

struct walk {
    struct query query;
    struct output output;
    struct channel channel;
    struct buf scratch;
    bool is_done;
};

static bool take(void *arg, const struct decoded_reply *reply)
{
    struct walk *w = arg;

    if (reply->kind == DECODED_ID)
        return true;
    if (w->is_done)
        return false;
    if (reply->kind == DECODED_ROW) {
        output_answer(&w->output, reply->key, reply->status, reply->text);
        return true;
    }
    w->is_done = true;
    if (reply->status != REPLY_FOUND)
        output_answer(&w->output, w->query.key, reply->status, reply->text);
    return true;
}

static int run(struct walk *w, struct error *err)
{
    bool ignored;

    dovecot_protocol.hello(&w->channel.out, w->query.table);
    dovecot_protocol.encode(&w->channel.out, &w->query, 1);
    while (!w->is_done) {
        if (channel_wait(&w->channel, true, -1, &ignored, err) == -1 ||
            replies_decode(&w->channel, &dovecot_protocol, OPERATION_ITERATE, &w->scratch, take, w,
                           err) == -1 ||
            output_flush(err) == -1)
            return -1;
    }
    return 0;
}

enum exit_status command_iterate(const struct options *o)
{
    struct error err = {0};
    struct walk w = {
        .query = {.operation = OPERATION_ITERATE,
                  .table = span_of(o->args[1]),
                  .key = o->count > 2 ? span_of(o->args[2]) : SPAN(""),
                  .user = o->user,
                  .recurse = o->recurse,
                  .no_values = o->no_values,
                  .max_rows = o->max_rows},
        .output = {.table = o->args[1],
                   .user = o->user,
                   .is_json = o->is_json,
                   .names_keys = false,
                   .shape = o->no_values ? OUTPUT_KEYS : OUTPUT_PAIRS},
    };

    buf_init(&w.scratch, CHANNEL_REPLY_BYTES_MAX);
    if (channel_open(&w.channel, o->where, "listen", o->timeout_ms, &err) == -1 ||
        run(&w, &err) == -1)
        w.output.status = exit_worse(w.output.status, output_fault(&err, EXIT_FAILED));
    channel_close(&w.channel);
    buf_deinit(&w.scratch);
    return w.output.status;
}
