#include "top_page.h"

#include "top_text.h"

#include "podop/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { FORMATTED_BYTES_MAX = 1024 };

void top_page_init(struct top_page *p, size_t width)
{
    *p = (struct top_page){.width = width};
    buf_init(&p->text, BUF_LIMITED_BY_INPUT);
}

void top_page_deinit(struct top_page *p)
{
    buf_deinit(&p->text);
    free(p->lines);
    *p = (struct top_page){0};
}

void top_page_begin(struct top_page *p, enum top_style style)
{
    p->lines = xreallocarray(p->lines, p->count + 1, sizeof(p->lines[0]));
    p->lines[p->count++] = (struct top_line){.begin = p->text.len, .style = style};
}

static void add(struct top_page *p, struct span text, size_t columns_max)
{
    struct top_line *line = &p->lines[p->count - 1];
    const size_t left = p->width - line->columns;

    line->columns += top_text_add(&p->text, text, columns_max < left ? columns_max : left);
    line->bytes = p->text.len - line->begin;
}

void top_page_add(struct top_page *p, struct span text)
{
    add(p, text, p->width);
}

static void add_blanks(struct top_page *p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(p, SPAN(" "), 1);
}

void top_page_cell(struct top_page *p, struct span text, size_t columns, bool is_left)
{
    struct buf measured;
    size_t used;

    buf_init(&measured, BUF_LIMITED_BY_INPUT);
    used = top_text_add(&measured, text, columns);
    buf_deinit(&measured);
    if (!is_left)
        add_blanks(p, columns - used);
    add(p, text, columns);
    if (is_left)
        add_blanks(p, columns - used);
}

void top_page_format(struct top_page *p, const char *format, ...)
{
    char text[FORMATTED_BYTES_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    top_page_add(p, span_of(text));
}

struct span top_page_line(const struct top_page *p, size_t at)
{
    return (struct span){p->text.ptr + p->lines[at].begin, p->lines[at].bytes};
}
