/* table_base.c - the lowest layer of src/table: references to a table, its name and its
 * settings. */
#include "podop/table_handle.h"

#include "table_type.h"

#include "podop/deadline.h"
#include "podop/mem.h"
#include "podop/table_backend.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct table *table_ref(struct table *table)
{
    table->refs++;
    return table;
}

void table_unref(struct table **ptable)
{
    struct table *t = *ptable;

    *ptable = NULL;
    if (t != NULL && --t->refs == 0)
        t->destroy(t);
}

uint32_t table_timeout_ms(const struct table *table)
{
    return table->timeout_ms;
}

uint64_t table_now_ms(const struct table *table)
{
    return service_now_ms(table->env.loop);
}

void table_start_deadline(const struct table *table, struct deadline *deadline, uint64_t at_ms)
{
    deadline_start(deadline, table->env.loop, at_ms);
}

struct span table_name(const struct table *table)
{
    return (struct span){table->name, table->name_len};
}

struct span table_reason(const struct table *table, char text[TABLE_REASON_BYTES],
                         const char *format, ...)
{
    int begin = snprintf(text, TABLE_REASON_BYTES, "table %s: ", table->name);
    va_list args;

    va_start(args, format);
    vsnprintf(text + begin, TABLE_REASON_BYTES - (size_t)begin, format, args);
    va_end(args);
    for (char *c = text + begin; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            *c = '?';
    }
    return span_of(text);
}

/* Keys are compared as C strings: one with a NUL byte matches no pattern. */
bool table_skips(const struct table *t, struct span key)
{
    bool matches = false;
    char *text;

    if (t->skip.count == 0 || span_has_byte(key, '\0'))
        return false;
    text = xmemdup0(key.ptr, key.len);
    for (size_t i = 0; i < t->skip.count && !matches; i++)
        matches = fnmatch(t->skip.items[i], text, 0) == 0;
    free(text);
    return matches;
}

bool table_backend(struct table *t, size_t i, struct table_backend *to)
{
    return t->ops->backend != NULL && t->ops->backend(t, i, to);
}

bool table_is_suspended(struct table *t)
{
    struct table_backend at;
    bool has_urls = false;

    for (size_t i = 0; table_backend(t, i, &at); i++) {
        if (!at.is_for_writes && !at.is_suspended)
            return false;
        has_urls = has_urls || !at.is_for_writes;
    }
    return has_urls;
}
