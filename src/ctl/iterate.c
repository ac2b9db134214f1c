/* iterate.c - all keys below a path: rows are printed as they come. */
#include "ask.h"
#include "channel.h"
#include "command.h"

/* One connection, one request, many rows. */
struct walk {
    struct question question;
    struct output output;
    struct channel channel;
    struct buf scratch;
    bool is_done;
};

static bool take(struct walk *w, const struct heard *heard)
{
    if (heard->kind == HEARD_ID)
        return true;
    if (w->is_done)
        return false;
    if (heard->kind == HEARD_ROW) {
        output_answer(&w->output, heard->key, heard->status, heard->text);
        return true;
    }
    w->is_done = true;
    if (heard->status != REPLY_FOUND)
        output_answer(&w->output, w->question.key, heard->status, heard->text);
    return true;
}

static int hear_all(struct walk *w, struct error *err)
{
    struct span rest = buf_span(&w->channel.in);
    enum parse parsed = PARSE_DONE;

    while (parsed == PARSE_DONE && rest.len > 0) {
        struct heard heard;
        size_t used;

        parsed = speaker_dovecot.hear(rest, OPERATION_ITERATE, &w->scratch, &heard, &used);
        if (parsed == PARSE_DONE && !take(w, &heard))
            parsed = PARSE_BAD;
        if (parsed == PARSE_DONE)
            rest = span_skip(rest, used);
    }
    buf_drop(&w->channel.in, w->channel.in.len - rest.len);
    if (parsed == PARSE_BAD)
        return error_set(err, ERR_INPUT, "what answers on %s is no podop", w->channel.where);
    return 0;
}

static int run(struct walk *w, struct error *err)
{
    bool ignored;

    speaker_dovecot.greet(&w->channel.out, w->question.table);
    speaker_dovecot.ask(&w->channel.out, &w->question, 1);
    while (!w->is_done) {
        if (channel_wait(&w->channel, true, -1, &ignored, err) == -1 || hear_all(w, err) == -1 ||
            output_flush(err) == -1)
            return -1;
    }
    return 0;
}

enum exit_status command_iterate(const struct options *o)
{
    struct error err = {0};
    struct walk w = {
        .question = {.operation = OPERATION_ITERATE,
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

    buf_init(&w.scratch, SIZE_MAX);
    if (channel_open(&w.channel, o->where, o->timeout_ms, &err) == -1 || run(&w, &err) == -1)
        w.output.status = exit_worse(w.output.status, output_fault(&err, EXIT_FAILED));
    channel_close(&w.channel);
    buf_deinit(&w.scratch);
    return w.output.status;
}
