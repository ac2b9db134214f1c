/* commands.c - the commands get, set, unset and inc. */
#include "command.h"
#include "control.h"
#include "forms.h"
#include "pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The positions of arguments; args[0] is the command. */
enum { ARG_TABLE = 1, ARG_KEY = 2, ARG_MORE = 3 };

static struct query query_of(const struct options *o, enum operation operation)
{
    return (struct query){
        .operation = operation,
        .table = span_of(o->args[ARG_TABLE]),
        .user = o->user,
    };
}

static enum exit_status ask(const struct options *o, struct query *query, size_t key_count)
{
    struct output output = {.table = o->args[ARG_TABLE], .user = o->user, .is_json = o->is_json};
    bool takes_many = query->operation == OPERATION_GET || query->operation == OPERATION_UNSET;
    enum exit_status status;
    struct keys keys;

    keys_init(&keys, &o->args[ARG_KEY], key_count, takes_many);
    output.names_keys = keys.is_input || key_count > 1;
    if (query->operation == OPERATION_GET)
        output.shape = output.names_keys ? OUTPUT_PAIRS : OUTPUT_VALUE;
    status = pipeline_run(o, query, &keys, &output);
    keys_deinit(&keys);
    return status;
}

/* Shows the forms of all keys before the first key is looked up. Keys on standard input are not
 * known yet. */
static enum exit_status show_forms(const struct options *o)
{
    enum exit_status status = EXIT_FOUND;

    if (!control_can_carry(o))
        return output_usage("arguments for the control socket must be UTF-8");
    if (o->count == ARG_KEY + 1 && strcmp(o->args[ARG_KEY], "-") == 0)
        return output_usage("--forms takes no keys from standard input");
    for (size_t i = ARG_KEY; i < o->count && status == EXIT_FOUND; i++)
        status = forms_print(o, o->args[ARG_TABLE], o->args[i]);
    return status;
}

enum exit_status command_get(const struct options *o)
{
    struct query query = query_of(o, OPERATION_GET);
    enum exit_status status;

    if (client_protocol_for(o, OPERATION_GET) == &postfix_protocol) {
        if (o->user != NULL)
            return output_usage("--user needs --as dovecot: the socketmap protocol has no users");
        if (span_has_byte(query.table, ' '))
            return output_usage("the name of a table must not contain a blank");
    }
    status = o->shows_forms ? show_forms(o) : EXIT_FOUND;
    return status == EXIT_FOUND ? ask(o, &query, o->count - ARG_KEY) : status;
}

enum exit_status command_unset(const struct options *o)
{
    struct query query = query_of(o, OPERATION_UNSET);

    return ask(o, &query, o->count - ARG_KEY);
}

enum exit_status command_set(const struct options *o)
{
    struct query query = query_of(o, OPERATION_SET);
    bool is_input = strcmp(o->args[ARG_MORE], "-") == 0;
    struct error err = {0};
    enum exit_status status;
    struct buf value;

    if (is_input && keys_read_value(&value, &err) == -1) {
        status = output_fault(&err, EXIT_FAILED);
        buf_deinit(&value);
        return status;
    }
    query.value = is_input ? buf_span(&value) : span_of(o->args[ARG_MORE]);
    if (span_has_byte(query.value, '\0'))
        status = output_usage("the value has a NUL byte, which the dict protocol does not allow");
    else
        status = ask(o, &query, 1);
    if (is_input)
        buf_deinit(&value);
    return status;
}

enum exit_status command_inc(const struct options *o)
{
    struct query query = query_of(o, OPERATION_INC);
    const char *text = o->count > ARG_MORE ? o->args[ARG_MORE] : "1";
    char digits[24];
    intmax_t number;
    char *end;

    errno = 0;
    number = strtoimax(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return output_usage("inc takes a whole number of at most 64 bits");
    snprintf(digits, sizeof(digits), "%" PRIdMAX, number);
    query.increment = digits;
    return ask(o, &query, 1);
}
