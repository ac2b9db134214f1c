#include "control_request.h"

#include "podop/json_value.h"
#include "podop/mem.h"

void control_request_init(struct control_request *request)
{
    *request = (struct control_request){.command = CONTROL_UNKNOWN};
    buf_init(&request->name, CONTROL_LINE_BYTES_MAX);
    buf_init(&request->table, CONTROL_LINE_BYTES_MAX);
    buf_init(&request->key, CONTROL_LINE_BYTES_MAX);
    buf_init(&request->user, CONTROL_LINE_BYTES_MAX);
}

void control_request_deinit(struct control_request *request)
{
    buf_deinit(&request->name);
    buf_deinit(&request->table);
    buf_deinit(&request->key);
    buf_deinit(&request->user);
}

static enum control_command command_of(struct span name)
{
    static const struct {
        struct span name;
        enum control_command command;
    } commands[] = {
        {{"stats", 5}, CONTROL_STATS},
        {{"reload", 6}, CONTROL_RELOAD},
        {{"explain", 7}, CONTROL_EXPLAIN},
        {{"flush", 5}, CONTROL_FLUSH},
    };

    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (span_equal(name, commands[i].name))
            return commands[i].command;
    }
    return CONTROL_UNKNOWN;
}

static bool take_text(struct span object, const char *pointer, struct buf *to)
{
    if (!json_select(&object, span_of(pointer)) || json_kind(object) != JSON_STRING)
        return false;
    json_add_text(to, object);
    return true;
}

bool control_request_parse(struct control_request *request, struct span line)
{
    struct error ignored;

    if (json_check(line, &ignored) == -1 || json_kind(line) != JSON_OBJECT ||
        !take_text(line, "/command", &request->name))
        return false;
    request->command = command_of(buf_span(&request->name));
    take_text(line, "/table", &request->table);
    request->has_key = take_text(line, "/key", &request->key);
    request->has_user = take_text(line, "/user", &request->user);
    return true;
}
