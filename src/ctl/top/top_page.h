/* top_page.h - the lines of one picture, each with its width and style. Knows no terminal. Private
 * to podopctl. */
#ifndef PODOP_CTL_TOP_TOP_PAGE_H
#define PODOP_CTL_TOP_TOP_PAGE_H

#include "podop/buf.h"

enum top_style { TOP_PLAIN, TOP_TITLE, TOP_BAD };

struct top_line {
    size_t begin, bytes; /* in text */
    size_t columns;
    enum top_style style;
};

struct top_page {
    size_t width; /* columns of each line, at most */
    struct buf text;
    struct top_line *lines;
    size_t count;
};

void top_page_init(struct top_page *page, size_t width);
void top_page_deinit(struct top_page *page);

void top_page_begin(struct top_page *page, enum top_style style);
/* Append to the line that was begun last; what is wider than the page is cut. top_page_cell() fills
 * exactly so many columns, with the text at the left or at the right of them. */
void top_page_add(struct top_page *page, struct span text);
void top_page_cell(struct top_page *page, struct span text, size_t columns, bool is_left);
void top_page_format(struct top_page *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct span top_page_line(const struct top_page *page, size_t at);

#endif
