/* One line of a co-process: an accepted answer is valid JSON with a valid id, and its rows are
 * names and values. */
#include "fuzz.h"

#include "table/program/program_wire.h"

static void check_rows(struct span rows)
{
    struct json_cursor cursor = json_walk(rows);
    struct span name, value;
    struct error err;

    while (program_next_row(&cursor, &name, &value) == 1) {
        PROMISE(json_check(name, &err) == 0 && json_kind(name) == JSON_STRING);
        PROMISE(json_check(value, &err) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span line = {(const char *)data, size};
    struct program_answer answer;
    struct error err = {0};

    if (program_answer_parse(line, &answer, &err) == -1) {
        PROMISE(err.kind == ERR_INPUT && err.text[0] != '\0');
        return 0;
    }
    PROMISE(err.kind == ERR_NONE && json_check(line, &err) == 0);
    PROMISE(answer.id > 0 && answer.status <= PROGRAM_PERMANENT);
    PROMISE(answer.value.ptr == NULL || json_check(answer.value, &err) == 0);
    PROMISE(answer.reason.ptr == NULL || json_kind(answer.reason) == JSON_STRING);
    if (answer.rows.ptr != NULL && json_kind(answer.rows) == JSON_ARRAY)
        check_rows(answer.rows);
    return 0;
}
