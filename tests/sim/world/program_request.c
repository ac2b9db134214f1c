#include "program_request.h"

#include "buf_print.h"

#include <string.h>

struct span program_member(struct span object, const char *name)
{
    struct json_cursor cursor = json_walk(object);
    struct span quoted, value;

    while (json_next(&cursor, &quoted, &value)) {
        if (quoted.len == strlen(name) + 2 && memcmp(quoted.ptr + 1, name, quoted.len - 2) == 0)
            return value;
    }
    return (struct span){0};
}

bool program_is_text(struct span quoted, const char *text)
{
    return quoted.len == strlen(text) + 2 && memcmp(quoted.ptr + 1, text, quoted.len - 2) == 0;
}

uint64_t program_number(struct span digits)
{
    uint64_t number = 0;

    for (size_t i = 0; i < digits.len && digits.ptr[i] >= '0' && digits.ptr[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(digits.ptr[i] - '0');
    return number;
}

struct truth_key *program_store_key(const struct program *p, struct span object)
{
    const struct span user = program_member(object, "user");
    struct truth_key *key;
    struct buf name;

    buf_init(&name, BUF_LIMITED_BY_INPUT);
    json_add_text(&name, program_member(object, "key"));
    if (user.len > 0) {
        buf_add_char(&name, '/');
        json_add_text(&name, user);
    }
    key = truth_add(p->truth, name.ptr, name.len);
    buf_deinit(&name);
    return key;
}

struct program_objects program_objects(struct span line, struct span changes)
{
    struct program_objects cursor = {.one = changes.len == 0 ? line : (struct span){0}};

    if (changes.len > 0)
        cursor.array = json_walk(changes);
    return cursor;
}

bool program_next(struct program_objects *cursor, struct span *object)
{
    struct span name;

    if (cursor->array.rest.ptr != NULL)
        return json_next(&cursor->array, &name, object);
    *object = cursor->one;
    cursor->one = (struct span){0};
    return object->len > 0;
}

void program_begin_answer(struct program_request *r, const char *status)
{
    const bool is_spaced = sim_chance(&r->program->random, r->program->manner.spaced);

    buf_print(&r->answer, "{\"id\": %.*s,%s \"status\": \"%s\"", (int)r->id.len, r->id.ptr,
              is_spaced ? "   \"more or less\": [{}, 1e3, null],\t" : "", status);
}

void program_end_answer(struct program_request *r)
{
    buf_print(&r->answer, "}\n");
}
