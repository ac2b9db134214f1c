#include "control.h"

#include "channel.h"

#include "podop/json_object.h"
#include "podop/json_value.h"

#include <stdio.h>

bool control_can_carry(const struct options *o)
{
    for (size_t i = 1; i < o->count; i++) {
        if (!span_is_utf8(span_of(o->args[i])))
            return false;
    }
    return o->user == NULL || span_is_utf8(span_of(o->user));
}

static void add_request(struct buf *out, const struct options *o, const char *command,
                        const char *table, const char *key)
{
    buf_add_char(out, '{');
    json_add_member(out, "command", span_of(command));
    if (table != NULL)
        json_add_member(out, "table", span_of(table));
    if (key != NULL)
        json_add_member(out, "key", span_of(key));
    if (o->user != NULL)
        json_add_member(out, "user", span_of(o->user));
    buf_add(out, SPAN("}\n"));
}

/* Takes the whole received line, which must be a JSON object. */
static int take_line(struct channel *c, struct buf *answer, struct error *err)
{
    struct error why;

    buf_add(answer, (struct span){c->in.ptr, c->in.len - 1});
    if (json_check(buf_span(answer), &why) == -1 || json_kind(buf_span(answer)) != JSON_OBJECT)
        return error_set(err, ERR_INPUT, "unexpected answer on %s: is podop listening there?",
                         c->where);
    return 0;
}

int control_ask(const struct options *o, const char *command, const char *table, const char *key,
                struct buf *answer, struct error *err)
{
    struct channel channel;
    bool ignored;
    int status;

    buf_init(answer, CHANNEL_REPLY_BYTES_MAX);
    status = channel_open(&channel, o->control, "control", o->timeout_ms, err);
    if (status == 0)
        add_request(&channel.out, o, command, table, key);
    while (status == 0 && (channel.in.len == 0 || channel.in.ptr[channel.in.len - 1] != '\n'))
        status = channel_wait(&channel, true, -1, &ignored, err);
    if (status == 0)
        status = take_line(&channel, answer, err);
    channel_close(&channel);
    return status;
}

static bool select_part(struct span *object, const char *pointer)
{
    return json_select(object, span_of(pointer));
}

bool control_text(struct span object, const char *pointer, struct buf *text)
{
    if (!select_part(&object, pointer) || json_kind(object) != JSON_STRING)
        return false;
    json_add_text(text, object);
    return true;
}

static bool is_true(struct span object, const char *pointer)
{
    return select_part(&object, pointer) && span_equal(object, SPAN("true"));
}

/* Prints one escaped line on standard error. */
static void print_fault(struct span text)
{
    struct buf line;

    buf_init(&line, BUF_LIMITED_BY_INPUT);
    buf_add(&line, SPAN("podopctl: "));
    output_add_escaped(&line, text);
    buf_add_char(&line, '\n');
    fwrite(line.ptr, 1, line.len, stderr);
    buf_deinit(&line);
}

static enum exit_status print_faults(struct span object, bool is_json)
{
    enum exit_status status = EXIT_FAILED;
    struct span faults = object;
    struct json_cursor cursor;
    struct span name, fault;
    struct buf text;

    buf_init(&text, CHANNEL_REPLY_BYTES_MAX);
    if (select_part(&faults, "/faults")) {
        status = EXIT_CONFIG;
        cursor = json_walk(faults);
        while (!is_json && json_next(&cursor, &name, &fault)) {
            buf_clear(&text);
            json_add_text(&text, fault);
            print_fault(buf_span(&text));
        }
    }
    buf_clear(&text);
    if (!is_json && control_text(object, "/error", &text))
        print_fault(buf_span(&text));
    buf_deinit(&text);
    return status;
}

enum exit_status control_check(const struct buf *answer)
{
    return is_true(buf_span(answer), "/ok") ? EXIT_FOUND : print_faults(buf_span(answer), false);
}

enum exit_status control_begin_output(const struct options *o, const struct buf *answer,
                                      bool *is_over)
{
    bool is_ok = is_true(buf_span(answer), "/ok");

    if (o->is_json)
        printf("%.*s\n", (int)answer->len, answer->ptr);
    *is_over = o->is_json || !is_ok;
    return is_ok ? EXIT_FOUND : print_faults(buf_span(answer), o->is_json);
}
