/* commands.c - get, set, unset, inc: what the command line says, made into questions. */
#include "ask.h"
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* args[0] is the command, args[1] the table, then come keys and what belongs to them. */
enum { ARG_TABLE = 1, ARG_KEY = 2, ARG_MORE = 3 };

static struct question question_of(const struct options *o, enum operation operation)
{
    return (struct question){
        .operation = operation,
        .table = span_of(o->args[ARG_TABLE]),
        .user = o->user,
    };
}

static enum exit_status ask(const struct options *o, struct question *question, size_t key_count)
{
    struct output output = {.table = o->args[ARG_TABLE], .user = o->user, .is_json = o->is_json};
    bool takes_many =
        question->operation == OPERATION_GET || question->operation == OPERATION_UNSET;
    enum exit_status status;
    struct keys keys;

    keys_init(&keys, &o->args[ARG_KEY], key_count, takes_many);
    output.names_keys = keys.is_input || key_count > 1;
    if (question->operation == OPERATION_GET)
        output.shape = output.names_keys ? OUTPUT_PAIRS : OUTPUT_VALUE;
    status = ask_keys(o, question, &keys, &output);
    keys_deinit(&keys);
    return status;
}

enum exit_status command_get(const struct options *o)
{
    struct question question = question_of(o, OPERATION_GET);

    if (ask_speaker(o, OPERATION_GET) == &speaker_postfix) {
        if (o->user != NULL)
            return command_usage("--as postfix has no --user: Postfix asks for nobody");
        if (span_has_byte(question.table, ' '))
            return command_usage("a table's name holds no blank");
    }
    return ask(o, &question, o->count - ARG_KEY);
}

enum exit_status command_unset(const struct options *o)
{
    struct question question = question_of(o, OPERATION_UNSET);

    return ask(o, &question, o->count - ARG_KEY);
}

enum exit_status command_set(const struct options *o)
{
    struct question question = question_of(o, OPERATION_SET);
    bool is_input = strcmp(o->args[ARG_MORE], "-") == 0;
    struct error err = {0};
    enum exit_status status;
    struct buf value;

    if (is_input && keys_read_value(&value, &err) == -1) {
        status = output_fault(&err, EXIT_FAILED);
        buf_deinit(&value);
        return status;
    }
    question.value = is_input ? buf_span(&value) : span_of(o->args[ARG_MORE]);
    if (span_has_byte(question.value, '\0'))
        status = command_usage("a value with a NUL byte: Dovecot has none");
    else
        status = ask(o, &question, 1);
    if (is_input)
        buf_deinit(&value);
    return status;
}

enum exit_status command_inc(const struct options *o)
{
    struct question question = question_of(o, OPERATION_INC);
    const char *text = o->count > ARG_MORE ? o->args[ARG_MORE] : "1";
    char digits[24];
    intmax_t number;
    char *end;

    errno = 0;
    number = strtoimax(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return command_usage("inc adds a whole number of at most 64 bits");
    snprintf(digits, sizeof(digits), "%" PRIdMAX, number);
    question.increment = digits;
    return ask(o, &question, 1);
}
