/* The extension, a line feed, and the value. */
#include "fuzz.h"

#include "mail/address_list.h"
#include "mail/propagate.h"

static void add_text(const struct address_list *list, size_t number, struct buf *out)
{
    for (size_t t = list->addresses[number].first; t < list->addresses[number].end; t++)
        address_token_add(&list->tokens[t], out);
}

/* Returns whether after is before with extension put in somewhere. */
static bool is_extended(struct span before, struct span extension, struct span after)
{
    size_t same = 0;

    if (after.len != before.len + extension.len)
        return false;
    for (;; same++) {
        if (memcmp(after.ptr + same, extension.ptr, extension.len) == 0 &&
            span_equal(span_skip(before, same), span_skip(after, same + extension.len)))
            return true;
        if (same == before.len || before.ptr[same] != after.ptr[same])
            return false;
    }
}

static void check_address(const struct address_list *before, const struct address_list *after,
                          size_t number, struct span extension)
{
    struct buf old, new;

    buf_init(&old, BUF_LIMITED_BY_INPUT);
    buf_init(&new, BUF_LIMITED_BY_INPUT);
    add_text(before, number, &old);
    add_text(after, number, &new);
    PROMISE(is_extended(buf_span(&old), extension, buf_span(&new)) ||
            span_equal(buf_span(&old), buf_span(&new)));
    buf_deinit(&old);
    buf_deinit(&new);
}

static void check(struct span value, struct span extension)
{
    struct address_list before, after;
    struct buf out;

    buf_init(&out, BUF_LIMITED_BY_INPUT);
    propagate_extension(value, extension, &out);
    PROMISE(!out.is_over);
    address_list_init(&before, value);
    address_list_init(&after, buf_span(&out));
    PROMISE(before.address_count == after.address_count);
    for (size_t i = 0; i < before.address_count; i++)
        check_address(&before, &after, i, extension);
    address_list_deinit(&before);
    address_list_deinit(&after);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span all = {(const char *)data, size};
    const char *end = size == 0 ? NULL : memchr(data, '\n', size);
    struct span extension = {all.ptr, end == NULL ? 0 : (size_t)(end - all.ptr)};

    for (size_t i = 0; i < extension.len; i++) {
        if (strchr("\t\r", extension.ptr[i]) != NULL) /* Postfix reads blanks, and strchr() a NUL */
            extension.len = i;
    }
    if (extension.len > 0)
        check(span_skip(all, (size_t)(end - all.ptr) + 1), extension);
    return 0;
}
