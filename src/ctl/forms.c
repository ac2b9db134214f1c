#include "forms.h"

#include "channel.h"
#include "control.h"

#include "podop/json_value.h"

#include <stdio.h>

/* Prints "NAME: TEXT, RESULT", as a line of its own. */
static void print_line(const char *name, struct span text, const char *joint, struct span result)
{
    struct buf line;

    buf_init(&line, BUF_LIMITED_BY_INPUT);
    buf_add(&line, span_of(name));
    buf_add(&line, SPAN(": "));
    output_add_escaped(&line, text);
    buf_add(&line, span_of(joint));
    buf_add(&line, result);
    buf_add_char(&line, '\n');
    fwrite(line.ptr, 1, line.len, stderr);
    buf_deinit(&line);
}

/* A note of podop: ["name","text"]. */
struct note {
    struct buf name, text;
};

static void note_read(struct note *note, struct span pair)
{
    struct json_cursor cursor = json_walk(pair);
    struct span ignored, part;

    buf_clear(&note->name);
    buf_clear(&note->text);
    if (json_next(&cursor, &ignored, &part) && json_kind(part) == JSON_STRING)
        json_add_text(&note->name, part);
    if (json_next(&cursor, &ignored, &part) && json_kind(part) == JSON_STRING)
        json_add_text(&note->text, part);
}

static bool note_is(const struct note *note, const char *name)
{
    return span_equal(buf_span(&note->name), span_of(name));
}

/* Takes the next note. A result is that of the form before it. */
static void take(const struct note *note, struct buf *form, bool *has_forms)
{
    if (note_is(note, "form")) {
        buf_clear(form);
        buf_add(form, buf_span(&note->text));
        *has_forms = true;
    } else if (note_is(note, "result")) {
        print_line("form", buf_span(form), ": ", buf_span(&note->text));
    } else if (note_is(note, "extended")) {
        print_line("extended", buf_span(&note->text), "", SPAN(""));
    }
}

/* Returns whether there was a form. */
static bool print_forms(struct span notes)
{
    struct json_cursor cursor = json_walk(notes);
    struct span ignored, pair;
    bool has_forms = false;
    struct buf form;
    struct note note;

    buf_init(&form, CHANNEL_REPLY_BYTES_MAX);
    buf_init(&note.name, CHANNEL_REPLY_BYTES_MAX);
    buf_init(&note.text, CHANNEL_REPLY_BYTES_MAX);
    while (json_next(&cursor, &ignored, &pair)) {
        if (json_kind(pair) != JSON_ARRAY)
            continue;
        note_read(&note, pair);
        take(&note, &form, &has_forms);
    }
    buf_deinit(&form);
    buf_deinit(&note.name);
    buf_deinit(&note.text);
    return has_forms;
}

/* A table without a search looks up the key alone. */
static void print_answer(struct span object, const char *key)
{
    struct span notes = object;
    struct buf status;

    buf_init(&status, CHANNEL_REPLY_BYTES_MAX);
    control_text(object, "/status", &status);
    if (!json_select(&notes, SPAN("/notes")) || json_kind(notes) != JSON_ARRAY ||
        !print_forms(notes))
        print_line("form", span_of(key), ": ", buf_span(&status));
    buf_deinit(&status);
}

enum exit_status forms_print(const struct options *o, const char *table, const char *key)
{
    struct error err = {0};
    enum exit_status status;
    struct buf answer;

    if (control_ask(o, "explain", table, key, &answer, &err) == -1)
        status = output_fault(&err, EXIT_FAILED);
    else
        status = control_check(&answer);
    if (status == EXIT_FOUND)
        print_answer(buf_span(&answer), key);
    buf_deinit(&answer);
    return status;
}
