/* The template, a line feed, the key, and after another line feed the user of a private key. */
#include "fuzz.h"

#include "podop/mem.h"
#include "podop/table.h"

#include "table/url/url_template.h"

static struct span take_line(struct span *rest, bool *is_last)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    struct span line = {rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr)};

    *is_last = end == NULL;
    *rest = span_skip(*rest, line.len + (end != NULL));
    return line;
}

static bool is_wire_byte(char c)
{
    return c > ' ' && c < 0x7f && strchr("\"<>\\^`{|}#", c) == NULL;
}

static bool has_dot_segment(struct span path)
{
    size_t start = 0;

    for (size_t i = 0; i <= path.len; i++) {
        struct span segment = {path.ptr + start, i - start};

        if (i < path.len && path.ptr[i] != '/')
            continue;
        if (span_equal(segment, SPAN(".")) || span_equal(segment, SPAN("..")))
            return true;
        start = i + 1;
    }
    return false;
}

static struct span path_of(struct span target)
{
    const char *query = target.len == 0 ? NULL : memchr(target.ptr, '?', target.len);

    return (struct span){target.ptr, query == NULL ? target.len : (size_t)(query - target.ptr)};
}

static void check_target(struct span target)
{
    PROMISE(target.len > 0 && *target.ptr == '/');
    for (size_t i = 0; i < target.len; i++)
        PROMISE(is_wire_byte(target.ptr[i]));
    PROMISE(!has_dot_segment(path_of(target)));
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Replaces the escapes of dots and slashes in the path of a template that begins after base bytes.
 * Returns false if a '%' is not followed by two digits. */
static bool decode(char *text, size_t base)
{
    char *to = text + base;
    bool is_path = true;

    for (const char *from = to; *from != '\0'; from++) {
        is_path &= *from != '?';
        *to = *from;
        if (is_path && *from == '%') {
            if (!is_hex(from[1]) || !is_hex(from[2]))
                return false;
            if (from[1] == '2' && strchr("eEfF", from[2]) != NULL) {
                *to = from[2] == 'e' || from[2] == 'E' ? '.' : '/';
                from += 2;
            }
        }
        to++;
    }
    *to = '\0';
    return true;
}

static void check_expand(const struct url_template *t, const struct url_template *decoded,
                         const struct table_key *key, const struct url_expansion *how)
{
    struct buf out, of_decoded, small;
    enum url_target got;

    buf_init(&out, SIZE_MAX);
    buf_init(&of_decoded, SIZE_MAX);
    got = url_template_expand(t, key, how, &out);
    PROMISE(got != URL_TARGET_LONG);
    if (decoded != NULL) {
        url_template_expand(decoded, key, how, &of_decoded);
        PROMISE((got == URL_TARGET_CLIMBS) == has_dot_segment(path_of(buf_span(&of_decoded))));
    }
    if (got == URL_TARGET_OK) {
        check_target(buf_span(&out));
        for (size_t max = out.len > 20 ? out.len - 20 : 0; max <= out.len; max++) {
            buf_init(&small, max);
            got = url_template_expand(t, key, how, &small);
            PROMISE(got == (max < out.len ? URL_TARGET_LONG : URL_TARGET_OK));
            buf_deinit(&small);
        }
    }
    buf_deinit(&out);
    buf_deinit(&of_decoded);
}

static void check_key(const struct url_template *t, const struct url_template *decoded,
                      const struct table_key *key)
{
    for (unsigned bits = 0; bits < 4; bits++)
        check_expand(t, decoded, key,
                     &(struct url_expansion){.table = SPAN("table"),
                                             .delimiters = "+-",
                                             .keep_slash = bits & 1,
                                             .is_path = bits & 2});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size};
    bool is_last, has_no_user;
    char *text;
    struct table_key key = {0};
    struct error err = {0};
    struct url_template *t, *decoded = NULL;

    {
        struct span line = take_line(&rest, &is_last);

        text = xmemdup0(line.ptr, line.len);
    }
    t = url_template_new(text, &err);
    PROMISE((t == NULL) == (err.kind == ERR_CONFIG));
    PROMISE(t != NULL || err.text[0] != '\0');
    if (t != NULL && decode(text, strlen(url_template_base(t)))) {
        decoded = url_template_new(text, &err);
        PROMISE(decoded != NULL);
    }
    free(text); /* it was copied */
    if (t == NULL)
        return 0;
    PROMISE(url_template_base(t)[0] != '\0');
    key.key = take_line(&rest, &has_no_user);
    check_key(t, decoded, &key);
    if (!has_no_user) {
        key.user = take_line(&rest, &is_last);
        key.is_private = true;
        check_key(t, decoded, &key);
    }
    url_template_free(&decoded);
    url_template_free(&t);
    return 0;
}
