/* dovecot.c - the client's side of Dovecot's dict protocol, as Dovecot 2.4 speaks it. */
#include "client_protocol.h"

#include "channel.h"
#include "protocol/dict_line.h"

#include "podop/tabline.h"

static struct span prefix_of(const struct query *q)
{
    return q->user != NULL ? SPAN("priv/") : SPAN("shared/");
}

static void add_field(struct buf *out, struct span bytes)
{
    buf_add_char(out, '\t');
    tabline_escape(out, bytes);
}

static void add_key(struct buf *out, const struct query *q)
{
    buf_add(out, prefix_of(q));
    tabline_escape(out, q->key);
}

static void add_user(struct buf *out, const struct query *q)
{
    add_field(out, q->user != NULL ? span_of(q->user) : SPAN(""));
}

static void add_command(struct buf *out, enum dict_command command, uint64_t number)
{
    buf_add_char(out, (char)command);
    buf_add_uint(out, number);
}

static void dovecot_hello(struct buf *out, struct span table)
{
    buf_add(out, SPAN("H4\t0\t0\t"));
    add_field(out, table);
    buf_add_char(out, '\n');
}

static void ask_change(struct buf *out, enum dict_command command, const struct query *q,
                       uint32_t number)
{
    add_command(out, DICT_BEGIN, number);
    add_user(out, q);
    buf_add(out, SPAN("\t0\n")); /* the key never expires */
    add_command(out, command, number);
    buf_add_char(out, '\t');
    add_key(out, q);
    if (command == DICT_SET)
        add_field(out, q->value);
    if (command == DICT_INCREMENT)
        add_field(out, span_of(q->increment));
    buf_add_char(out, '\n');
    add_command(out, DICT_COMMIT, number);
    buf_add_char(out, '\n');
}

static void ask_iterate(struct buf *out, const struct query *q)
{
    add_command(out, DICT_ITERATE,
                (q->recurse ? DICT_ITERATE_RECURSE : 0u) |
                    (q->no_values ? DICT_ITERATE_NO_VALUE : 0u));
    buf_add_char(out, '\t');
    buf_add_uint(out, q->max_rows);
    buf_add_char(out, '\t');
    add_key(out, q);
    add_user(out, q);
    buf_add_char(out, '\n');
}

static void dovecot_encode(struct buf *out, const struct query *q, uint32_t number)
{
    switch (q->operation) {
    case OPERATION_GET:
        buf_add_char(out, (char)DICT_LOOKUP);
        add_key(out, q);
        add_user(out, q);
        buf_add_char(out, '\n');
        return;
    case OPERATION_SET: ask_change(out, DICT_SET, q, number); return;
    case OPERATION_UNSET: ask_change(out, DICT_UNSET, q, number); return;
    case OPERATION_INC: ask_change(out, DICT_INCREMENT, q, number); return;
    case OPERATION_ITERATE: ask_iterate(out, q); return;
    }
}

static bool take_id(struct span digits, uint32_t *id)
{
    uint64_t number;

    if (!dict_number(digits, UINT32_MAX, &number) || number == 0)
        return false;
    *id = (uint32_t)number;
    return true;
}

/* Cuts the first field off *rest and appends it unescaped to scratch, which must have the room. */
static struct span next_field(struct span *rest, struct buf *scratch)
{
    size_t begin = scratch->len;
    struct span field;

    if (!tabline_next(rest, &field))
        return SPAN("");
    tabline_unescape(scratch, field);
    return span_skip(buf_span(scratch), begin);
}

static bool read_row(struct span rest, struct buf *scratch, struct decoded_reply *reply)
{
    struct span name = next_field(&rest, scratch);
    struct span prefix = span_starts_with(name, SPAN("priv/")) ? SPAN("priv/") : SPAN("shared/");

    if (rest.ptr == NULL || !span_starts_with(name, prefix))
        return false;
    reply->kind = DECODED_ROW;
    reply->status = REPLY_FOUND;
    reply->key = span_skip(name, prefix.len);
    reply->text = next_field(&rest, scratch);
    return true;
}

/* Answers to lookups are "O<value>", "N" and "F<reason>". Answers to commits begin with the id:
 * "O<id>", "N<id>", "F<id>\t<reason>" and "W<id>\t<reason>". */
static bool read_answer(struct span line, enum operation operation, struct buf *scratch,
                        struct decoded_reply *reply)
{
    struct span rest = line.len > 0 ? span_skip(line, 1) : SPAN("");
    bool is_commit = operation != OPERATION_GET && operation != OPERATION_ITERATE;

    reply->kind = DECODED_ANSWER;
    if (line.len == 0 || *line.ptr == '\t') { /* the end of the rows */
        reply->status = REPLY_FOUND;
        return operation == OPERATION_ITERATE;
    }
    if (is_commit)
        next_field(&rest, scratch);
    switch (*line.ptr) {
    case 'O':
        if (operation == OPERATION_ITERATE)
            return read_row(rest, scratch, reply);
        reply->status = REPLY_FOUND;
        if (!is_commit)
            reply->text = next_field(&rest, scratch);
        return true;
    case 'N': reply->status = REPLY_MISS; return operation != OPERATION_ITERATE;
    case 'F': reply->status = REPLY_TEMPORARY; break;
    case 'W': reply->status = REPLY_UNCERTAIN; break;
    default: return false;
    }
    reply->text = next_field(&rest, scratch);
    return reply->status != REPLY_UNCERTAIN || is_commit;
}

static bool read_line(struct span line, enum operation operation, struct buf *scratch,
                      struct decoded_reply *reply)
{
    struct span rest = line, field;

    if (line.len == 0 || (*line.ptr != '*' && *line.ptr != '+'))
        return read_answer(line, operation, scratch, reply);
    tabline_next(&rest, &field);
    if (!take_id(span_skip(field, 1), &reply->id))
        return false;
    if (*line.ptr == '+')
        return read_answer(rest, operation, scratch, reply);
    reply->kind = DECODED_ID;
    return true;
}

static enum parse dovecot_decode(struct span in, enum operation operation, struct buf *scratch,
                                 struct decoded_reply *reply, size_t *used)
{
    struct span line;
    enum parse parsed = tabline_parse(in, CHANNEL_REPLY_BYTES_MAX, &line, used);

    if (parsed != PARSE_DONE)
        return parsed;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') /* a CR inside a field is escaped */
        line.len--;
    *reply = (struct decoded_reply){0};
    buf_clear(scratch);
    buf_reserve(scratch, line.len); /* unescaped text is not longer, so scratch does not move */
    return read_line(line, operation, scratch, reply) ? PARSE_DONE : PARSE_BAD;
}

const struct client_protocol dovecot_protocol = {
    .hello = dovecot_hello,
    .encode = dovecot_encode,
    .decode = dovecot_decode,
};
