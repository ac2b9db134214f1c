#include "dict_line.h"

#include "podop/tabline.h"

#define BIT(letter) (1 << ((letter) - 'A'))

/* Commands as a set: bit n is the letter 'A' + n. */
enum {
    COMMANDS_WITH_ID = BIT(DICT_BEGIN) | BIT(DICT_COMMIT) | BIT(DICT_COMMIT_ASYNC) |
                       BIT(DICT_ROLLBACK) | BIT(DICT_SET) | BIT(DICT_UNSET) | BIT(DICT_INCREMENT) |
                       BIT(DICT_TIMESTAMP) | BIT(DICT_HIDE_VALUES),
    COMMANDS = COMMANDS_WITH_ID | BIT(DICT_HELLO) | BIT(DICT_LOOKUP) | BIT(DICT_ITERATE),
};

static void split_fields(struct span rest, struct dict_line *out)
{
    struct span field;

    out->count = 0;
    for (size_t i = 0; i < DICT_FIELDS_NAMED; i++)
        out->field[i] = SPAN("");
    while (out->count < DICT_FIELDS_MAX && tabline_next(&rest, &field))
        out->field[out->count++] = field;
}

/* Unescapes the fields into text. bytes is the length of the line, which is enough room. */
static void unescape_fields(struct dict_line *out, struct buf *text, size_t bytes)
{
    buf_clear(text);
    buf_reserve(text, bytes); /* so that text does not move while fields point into it */
    for (size_t i = 0; i < out->count; i++) {
        const size_t begin = text->len;

        tabline_unescape(text, out->field[i]);
        out->field[i] = (struct span){text->ptr + begin, text->len - begin};
    }
}

static bool parse_id(struct dict_line *out)
{
    uint64_t id;

    if (!dict_number(out->field[0], UINT32_MAX, &id))
        return false;
    out->id = (uint32_t)id;
    return true;
}

bool dict_line_parse(struct span line, struct dict_line *out, struct buf *text)
{
    struct span rest;
    unsigned letter;
    bool has_escapes;

    if (line.len == 0)
        return false;
    letter =
        (unsigned)(unsigned char)*line.ptr - 'A'; /* a letter below 'A' becomes a huge number */
    if (letter > 'Z' - 'A' || (COMMANDS >> letter & 1) == 0)
        return false;
    out->command = (enum dict_command) * line.ptr;
    rest = span_skip(line, 1);
    if (rest.len > 0 && rest.ptr[rest.len - 1] == '\r') /* a CR inside a field is escaped */
        rest.len--;
    has_escapes = span_has_byte(rest, '\1');
    split_fields(rest, out);
    if (has_escapes)
        unescape_fields(out, text, rest.len);
    return (COMMANDS_WITH_ID >> letter & 1) == 0 || parse_id(out);
}

bool dict_number(struct span field, uint64_t max, uint64_t *number)
{
    uint64_t n = 0;

    for (size_t i = 0; i < field.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)field.ptr[i] - '0';

        if (digit > 9 || digit > max || n > (max - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *number = n;
    return field.len > 0;
}

bool dict_optional_number(struct span field, uint64_t max, uint64_t *number)
{
    *number = 0;
    return field.len == 0 || dict_number(field, max, number);
}

bool dict_signed_number(struct span field, int64_t *number)
{
    bool is_negative = field.len > 0 && *field.ptr == '-';
    bool is_signed = is_negative || (field.len > 0 && *field.ptr == '+');
    uint64_t n;

    if (!dict_number(span_skip(field, is_signed ? 1 : 0), (uint64_t)INT64_MAX + is_negative, &n))
        return false;
    *number = is_negative ? (int64_t)-n : (int64_t)n;
    return true;
}

const char *dict_key(struct span name, struct span user, struct table_key *key)
{
    *key = (struct table_key){.key = name};
    if (span_starts_with(name, SPAN("shared/"))) {
        key->key = span_skip(name, SPAN("shared/").len);
        return NULL;
    }
    if (!span_starts_with(name, SPAN("priv/")))
        return "a key must begin with priv/ or shared/";
    if (user.len == 0)
        return "a priv/ key needs a user";
    if (span_has_byte(user, '\0'))
        return "the user has a NUL byte";
    key->key = span_skip(name, SPAN("priv/").len);
    key->user = user;
    key->is_private = true;
    return NULL;
}

void dict_add_paths(struct buf *paths, const struct dict_line *line, size_t first, bool are_many)
{
    for (size_t i = first; i == first || (are_many && i < line->count); i++) {
        const struct span path = line->field[i];

        buf_add(paths, (struct span){(const char *)&path.len, sizeof(path.len)});
        buf_add(paths, path);
    }
}

struct span dict_next_path(struct span *paths)
{
    struct span path;

    memcpy(&path.len, paths->ptr, sizeof(path.len));
    path.ptr = paths->ptr + sizeof(path.len);
    *paths = span_skip(*paths, sizeof(path.len) + path.len);
    return path;
}

bool dict_knows_async(uint64_t major, uint64_t minor)
{
    return major > 2 || minor >= 1;
}

void dict_announce(struct buf *out, uint32_t id)
{
    buf_add_char(out, '*');
    buf_add_uint(out, id);
    buf_add_char(out, '\n');
}

void dict_begin_reply(struct buf *out, uint32_t id)
{
    if (id == 0)
        return;
    buf_add_char(out, '+');
    buf_add_uint(out, id);
    buf_add_char(out, '\t');
}

static void add_text(struct buf *out, struct span text)
{
    tabline_escape(out, text);
    buf_add_char(out, '\n');
}

static void add_value(struct buf *out, struct span table, struct span value)
{
    const size_t begin = out->len;

    buf_add_char(out, 'O');
    add_text(out, value);
    if (out->len - begin > value.len + 2 &&
        span_has_byte(value, '\0')) { /* something was escaped */
        out->len = begin;
        buf_add(out, SPAN("Ftable "));
        tabline_escape(out, table);
        add_text(out, SPAN(": the value has a NUL byte")); /* Dovecot would cut it there */
    }
}

void dict_add_lookup(struct buf *out, struct span table, const struct reply *reply)
{
    switch (reply->status) {
    case REPLY_FOUND: add_value(out, table, reply->dict_value); return;
    case REPLY_MISS: buf_add(out, SPAN("N\n")); return;
    case REPLY_TEMPORARY:
    case REPLY_TIMEOUT:
    case REPLY_UNCERTAIN:
    case REPLY_PERMANENT:
        buf_add_char(out, 'F');
        add_text(out, reply->reason);
        return;
    }
}

void dict_add_row(struct buf *out, struct span path, struct span name, struct span value)
{
    buf_add_char(out, 'O');
    tabline_escape(out, path);
    tabline_escape(out, name);
    buf_add_char(out, '\t');
    add_text(out, value);
}

void dict_add_finish(struct buf *out, const struct reply *reply)
{
    if (reply->status != REPLY_FOUND && reply->status != REPLY_MISS) {
        buf_add_char(out, 'F');
        tabline_escape(out, reply->reason);
    }
    buf_add_char(out, '\n');
}

void dict_add_commit(struct buf *out, uint32_t id, const struct reply *reply)
{
    static const char letters[] = {
        [REPLY_FOUND] = 'O',   [REPLY_MISS] = 'N',      [REPLY_TEMPORARY] = 'F',
        [REPLY_TIMEOUT] = 'F', [REPLY_UNCERTAIN] = 'W', [REPLY_PERMANENT] = 'F',
    };
    char letter = letters[reply->status];

    buf_add_char(out, letter);
    buf_add_uint(out, id);
    if (letter == 'F' || letter == 'W') {
        buf_add_char(out, '\t');
        tabline_escape(out, reply->reason);
    }
    buf_add_char(out, '\n');
}
