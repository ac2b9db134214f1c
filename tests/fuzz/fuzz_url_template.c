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

static void check_target(struct span target)
{
    size_t start = 0;

    PROMISE(target.len > 0 && *target.ptr == '/');
    for (size_t i = 0; i <= target.len; i++) {
        struct span segment = {target.ptr + start, i - start};
        bool is_end = i == target.len || target.ptr[i] == '?';

        PROMISE(i == target.len || is_wire_byte(target.ptr[i]));
        if (!is_end && target.ptr[i] != '/')
            continue;
        PROMISE(!span_equal(segment, SPAN(".")) && !span_equal(segment, SPAN("..")));
        if (is_end)
            break;
        start = i + 1;
    }
    for (size_t i = 0; i < target.len; i++)
        PROMISE(is_wire_byte(target.ptr[i]));
}

static void check_expand(const struct url_template *t, const struct table_key *key, bool keep_slash)
{
    struct buf out, small;
    enum url_target got;

    buf_init(&out, SIZE_MAX);
    got = url_template_expand(t, key, keep_slash, &out);
    PROMISE(got != URL_TARGET_LONG);
    if (got == URL_TARGET_OK) {
        check_target(buf_span(&out));
        for (size_t max = out.len > 20 ? out.len - 20 : 0; max <= out.len; max++) {
            buf_init(&small, max);
            got = url_template_expand(t, key, keep_slash, &small);
            PROMISE(got == (max < out.len ? URL_TARGET_LONG : URL_TARGET_OK));
            buf_deinit(&small);
        }
    }
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size};
    bool is_last, has_no_user;
    char *text;
    struct table_key key = {0};
    struct error err = {0};
    struct url_template *t;

    {
        struct span line = take_line(&rest, &is_last);

        text = xmemdup0(line.ptr, line.len);
    }
    t = url_template_new(text, &err);
    PROMISE((t == NULL) == (err.kind == ERR_CONFIG));
    PROMISE(t != NULL || err.text[0] != '\0');
    free(text); /* it was copied */
    if (t == NULL)
        return 0;
    PROMISE(url_template_base(t)[0] != '\0');
    key.key = take_line(&rest, &has_no_user);
    check_expand(t, &key, false);
    check_expand(t, &key, true);
    if (!has_no_user) {
        key.user = take_line(&rest, &is_last);
        key.is_private = true;
        check_expand(t, &key, false);
        check_expand(t, &key, true);
    }
    url_template_free(&t);
    return 0;
}
