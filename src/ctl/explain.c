/* explain.c - the command explain, which prints podop's notes on a lookup, then the answer. */
#include "channel.h"
#include "command.h"
#include "control.h"

#include "podop/json_value.h"

#include <stdio.h>

static void print_line(struct span name, struct span text, size_t width)
{
    struct buf line;

    buf_init(&line, BUF_LIMITED_BY_INPUT);
    buf_add(&line, name);
    buf_add_char(&line, ':');
    for (size_t i = name.len; i < width; i++)
        buf_add_char(&line, ' ');
    buf_add_char(&line, ' ');
    output_add_escaped(&line, text);
    buf_add_char(&line, '\n');
    fwrite(line.ptr, 1, line.len, stdout);
    buf_deinit(&line);
}

enum { NAME_WIDTH = 8 }; /* "postfix", "backend", "process", and the like */

/* Prints one note. pair is a JSON array of two strings, name and text. */
static void print_note(struct span pair)
{
    struct json_cursor cursor = json_walk(pair);
    struct span ignored, part;
    struct buf name, text;

    buf_init(&name, CHANNEL_REPLY_BYTES_MAX);
    buf_init(&text, CHANNEL_REPLY_BYTES_MAX);
    if (json_next(&cursor, &ignored, &part) && json_kind(part) == JSON_STRING)
        json_add_text(&name, part);
    if (json_next(&cursor, &ignored, &part) && json_kind(part) == JSON_STRING)
        json_add_text(&text, part);
    print_line(buf_span(&name), buf_span(&text), NAME_WIDTH);
    buf_deinit(&name);
    buf_deinit(&text);
}

static void print_notes(struct span object)
{
    struct json_cursor cursor;
    struct span ignored, pair;

    if (!json_select(&object, SPAN("/notes")) || json_kind(object) != JSON_ARRAY)
        return;
    cursor = json_walk(object);
    while (json_next(&cursor, &ignored, &pair)) {
        if (json_kind(pair) == JSON_ARRAY)
            print_note(pair);
    }
}

static void print_member(struct span object, const char *pointer, const char *absent)
{
    const struct span name = span_skip(span_of(pointer), 1);
    struct buf text;

    buf_init(&text, CHANNEL_REPLY_BYTES_MAX);
    if (control_text(object, pointer, &text))
        print_line(name, buf_span(&text), NAME_WIDTH);
    else if (absent != NULL)
        print_line(name, span_of(absent), NAME_WIDTH);
    buf_deinit(&text);
}

static enum exit_status exit_of(struct span status)
{
    if (span_equal(status, SPAN("found")))
        return EXIT_FOUND;
    return span_equal(status, SPAN("miss")) ? EXIT_MISS : EXIT_FAILED;
}

static enum exit_status print_answer(const struct options *o, struct span object)
{
    enum exit_status status;
    struct buf text;

    buf_init(&text, CHANNEL_REPLY_BYTES_MAX);
    control_text(object, "/status", &text);
    status = exit_of(buf_span(&text));
    if (!o->is_json) {
        print_notes(object);
        print_line(SPAN("answer"), buf_span(&text), NAME_WIDTH);
        if (status == EXIT_FOUND) {
            print_member(object, "/postfix", "(a miss, because the value is empty)");
            print_member(object, "/dovecot", NULL);
        } else {
            print_member(object, "/reason", NULL);
        }
    }
    buf_deinit(&text);
    return status;
}

enum exit_status command_explain(const struct options *o)
{
    struct error err = {0};
    enum exit_status status;
    struct buf answer;
    bool is_over;

    if (!control_can_carry(o))
        return output_usage("arguments for the control socket must be UTF-8");
    if (control_ask(o, "explain", o->args[1], o->args[2], &answer, &err) == -1) {
        status = output_fault(&err, EXIT_FAILED);
    } else {
        status = control_begin_output(o, &answer, &is_over);
        if (status == EXIT_FOUND)
            status = print_answer(o, buf_span(&answer));
    }
    buf_deinit(&answer);
    if (output_flush(&err) == -1)
        status = exit_worse(status, output_fault(&err, EXIT_FAILED));
    return status;
}
