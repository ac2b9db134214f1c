/* Up to three files of a configuration, with a NUL between them: b.conf, a.conf and podop.conf,
 * which is read and may include the others. Whatever they say is reported line by line, and a
 * configuration without a fault is read again as the same. */
#include "fuzz.h"

#include "checked_config.h"

#include <string.h>

/* Takes the text up to the next NUL, or all of it if it is the last one. */
static struct span take(struct span *rest, bool is_last)
{
    const char *end = is_last || rest->len == 0 ? NULL : memchr(rest->ptr, '\0', rest->len);
    const struct span text = {rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr)};

    *rest = span_skip(*rest, end == NULL ? text.len : text.len + 1);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"podop.conf", "a.conf", "b.conf"};
    struct config_source source = {.file = NULL};
    struct span rest = {(const char *)data, size};
    struct config *first, *second;

    for (size_t i = 3; i-- > 0;)
        source.file = checked_config_write(names[i], take(&rest, i == 0));
    first = checked_config_load(&source);
    second = first == NULL ? NULL : checked_config_load(&source);
    checked_config_same(first, second);
    config_unref(&first);
    config_unref(&second);
    return 0;
}
