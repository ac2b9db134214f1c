#include "keys.h"

#include "podop/tabline.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    VALUE_BYTES_MAX = 64 * 1024 * 1024,
};

void keys_init(struct keys *keys, const char **words, size_t count, bool may_be_input)
{
    *keys = (struct keys){.words = words, .count = count};
    keys->is_input = may_be_input && count == 1 && strcmp(words[0], "-") == 0;
    buf_init(&keys->in, (size_t)KEY_BYTES_MAX + 2 * (size_t)READ_BYTES);
}

void keys_deinit(struct keys *keys)
{
    buf_deinit(&keys->in);
}

static enum keys_state next_word(struct keys *keys, struct span *key)
{
    if (keys->next == keys->count)
        return KEYS_END;
    *key = span_of(keys->words[keys->next++]);
    return KEYS_READY;
}

/* Accepts CR LF as a line end. The last line needs no line end. */
static enum keys_state next_line(struct keys *keys, struct span *key, struct error *err)
{
    struct span rest = span_skip(buf_span(&keys->in), keys->taken);
    size_t used = rest.len;

    switch (tabline_parse(rest, KEY_BYTES_MAX, key, &used)) {
    case PARSE_DONE: break;
    case PARSE_BAD:
        error_set(err, ERR_LIMIT, "line %llu of the keys is longer than %d bytes",
                  (unsigned long long)keys->line + 1, KEY_BYTES_MAX);
        return KEYS_BAD;
    case PARSE_MORE:
        if (!keys->has_ended)
            return KEYS_WAIT;
        if (rest.len == 0)
            return KEYS_END;
        *key = rest;
    }
    keys->line++;
    keys->taken += used;
    if (key->len > 0 && key->ptr[key->len - 1] == '\r')
        key->len--;
    if (!span_has_byte(*key, '\0'))
        return KEYS_READY;
    error_set(err, ERR_INPUT, "line %llu of the keys has a NUL byte",
              (unsigned long long)keys->line);
    return KEYS_BAD;
}

enum keys_state keys_next(struct keys *keys, struct span *key, struct error *err)
{
    return keys->is_input ? next_line(keys, key, err) : next_word(keys, key);
}

/* Returns the number of bytes read, 0 at the end, or -1. */
static ssize_t read_input(struct buf *in, struct error *err)
{
    char *to = buf_reserve(in, READ_BYTES);
    ssize_t n;

    if (to == NULL)
        return error_set(err, ERR_LIMIT, "standard input is longer than %zu bytes", in->max);
    do
        n = read(STDIN_FILENO, to, READ_BYTES);
    while (n == -1 && errno == EINTR);
    if (n == -1)
        return error_errno(err, "cannot read standard input");
    in->len += (size_t)n;
    return n;
}

int keys_fill(struct keys *keys, struct error *err)
{
    ssize_t n;

    buf_drop(&keys->in, keys->taken);
    keys->taken = 0;
    n = read_input(&keys->in, err);
    keys->has_ended = n == 0;
    return n == -1 ? -1 : 0;
}

int keys_read_value(struct buf *value, struct error *err)
{
    ssize_t n;

    buf_init(value, VALUE_BYTES_MAX);
    do
        n = read_input(value, err);
    while (n > 0);
    if (n == 0 && value->len > 0 && value->ptr[value->len - 1] == '\n')
        value->len--;
    return (int)n;
}
