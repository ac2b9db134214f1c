#include "output.h"

#include "podop/json_object.h"

#include <stdio.h>

enum exit_status exit_worse(enum exit_status a, enum exit_status b)
{
    static const enum exit_status worst_first[] = {EXIT_USAGE, EXIT_FAILED, EXIT_MISS};

    for (size_t i = 0; i < sizeof(worst_first) / sizeof(worst_first[0]); i++) {
        if (a == worst_first[i] || b == worst_first[i])
            return worst_first[i];
    }
    return EXIT_FOUND;
}

static enum exit_status exit_of(enum reply_status status)
{
    switch (status) {
    case REPLY_FOUND: return EXIT_FOUND;
    case REPLY_MISS: return EXIT_MISS;
    case REPLY_TEMPORARY:
    case REPLY_TIMEOUT:
    case REPLY_UNCERTAIN:
    case REPLY_PERMANENT: return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

static void print(FILE *to, const struct buf *line)
{
    fwrite(line->ptr, 1, line->len, to);
}

/* The escapes are those of "mysql --batch" and PostgreSQL's COPY. */
void output_add_escaped(struct buf *line, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '\0': buf_add(line, SPAN("\\0")); break;
        case '\t': buf_add(line, SPAN("\\t")); break;
        case '\n': buf_add(line, SPAN("\\n")); break;
        case '\r': buf_add(line, SPAN("\\r")); break;
        case '\\': buf_add(line, SPAN("\\\\")); break;
        default: buf_add_char(line, text.ptr[i]); break;
        }
    }
}

static void print_json(const struct output *o, struct span key, enum reply_status status,
                       struct span text)
{
    bool is_found = status == REPLY_FOUND;
    struct buf line;

    buf_init(&line, BUF_LIMITED_BY_INPUT);
    buf_add_char(&line, '{');
    json_add_member(&line, "table", span_of(o->table));
    json_add_member(&line, "key", key);
    if (o->user != NULL)
        json_add_member(&line, "user", span_of(o->user));
    json_add_member(&line, "status", is_found ? SPAN("ok") : span_of(reply_status_name(status)));
    if (is_found && (o->shape == OUTPUT_VALUE || o->shape == OUTPUT_PAIRS))
        json_add_member(&line, "value", text);
    if (!is_found && status != REPLY_MISS)
        json_add_member(&line, "reason", text);
    buf_add(&line, SPAN("}\n"));
    print(stdout, &line);
    buf_deinit(&line);
}

static void print_found(const struct output *o, struct span key, struct span value)
{
    struct buf line;

    if (o->shape == OUTPUT_NOTHING)
        return;
    buf_init(&line, BUF_LIMITED_BY_INPUT);
    if (o->shape == OUTPUT_VALUE)
        buf_add(&line, value);
    else
        output_add_escaped(&line, key);
    if (o->shape == OUTPUT_PAIRS) {
        buf_add_char(&line, '\t');
        output_add_escaped(&line, value);
    }
    buf_add_char(&line, '\n');
    print(stdout, &line);
    buf_deinit(&line);
}

static void print_failure(const struct output *o, struct span key, struct span reason)
{
    struct buf line;

    buf_init(&line, BUF_LIMITED_BY_INPUT);
    buf_add(&line, SPAN("podopctl: "));
    if (o->names_keys) {
        output_add_escaped(&line, key);
        buf_add(&line, SPAN(": "));
    }
    output_add_escaped(&line, reason.len > 0 ? reason : SPAN("failed, without a reason"));
    buf_add_char(&line, '\n');
    print(stderr, &line);
    buf_deinit(&line);
}

void output_answer(struct output *o, struct span key, enum reply_status status, struct span text)
{
    o->status = exit_worse(o->status, exit_of(status));
    if (o->is_json)
        print_json(o, key, status, text);
    else if (status == REPLY_FOUND)
        print_found(o, key, text);
    else if (status != REPLY_MISS)
        print_failure(o, key, text);
    else if (o->shape == OUTPUT_NOTHING)
        print_failure(o, key, SPAN("no such key"));
}

int output_flush(struct error *err)
{
    if (fflush(stdout) != 0)
        return error_errno(err, "cannot write to standard output");
    if (ferror(stdout) != 0) /* an earlier write failed, whose errno is lost */
        return error_set(err, ERR_SYSTEM, "cannot write to standard output");
    return 0;
}

enum exit_status output_fault(const struct error *err, enum exit_status status)
{
    fflush(stdout); /* keeps the order on a terminal */
    fprintf(stderr, "podopctl: %s\n", err->text);
    return status;
}

enum exit_status output_usage(const char *text)
{
    fprintf(stderr, "podopctl: %s\nTry 'podopctl --help'.\n", text);
    return EXIT_USAGE;
}
