#include "status_html.h"

#include "status_text.h"

void html_add(struct buf *out, const char *html)
{
    buf_add(out, span_of(html));
}

void html_add_state(struct buf *out, const char *mark, const char *state)
{
    html_add(out, "<span class=\"mark ");
    html_add(out, mark);
    html_add(out, "\">");
    html_add(out, state);
    html_add(out, "</span>");
}

void html_begin_cell(struct buf *out, bool is_loud, bool is_zero)
{
    html_add(out, is_loud   ? "<td class=\"n loud\">"
                  : is_zero ? "<td class=\"n zero\">"
                            : "<td class=\"n\">");
}

void html_add_count_cell(struct buf *out, uint64_t n)
{
    html_begin_cell(out, false, n == 0);
    status_add_count(out, n);
    html_add(out, "</td>");
}

void html_add_share_cell(struct buf *out, uint64_t part, uint64_t whole, bool is_loud)
{
    html_begin_cell(out, is_loud && part > 0, whole == 0 || (is_loud && part == 0));
    status_add_share(out, part, whole);
    html_add(out, "</td>");
}

void html_add_took_cell(struct buf *out, int64_t us)
{
    html_begin_cell(out, false, us < 0);
    status_add_took(out, us);
    html_add(out, "</td>");
}

void html_begin_row(struct buf *out, struct span name)
{
    html_add(out, "<tr><th scope=\"row\" title=\"");
    status_add_text(out, name);
    html_add(out, "\">");
    status_add_text(out, name);
}
