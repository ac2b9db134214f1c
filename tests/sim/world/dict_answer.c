/* dict_answer.c - the answers that a dovecot client reads: plain ones go to its oldest request,
 * "*N" numbers the oldest request that has no number, "+N" answers that one. */
#include "dict_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dict_request *next_of(const struct client *c, struct list_node *node)
{
    struct list_node *next =
        node == NULL ? list_first(&c->requests) : list_next(&c->requests, node);

    return next == NULL ? NULL : dict_request_of(CONTAINER_OF(next, struct request, node));
}

#define FOR_EACH_REQUEST(r, c)                                                                     \
    for (struct dict_request *r = next_of(c, NULL); r != NULL; r = next_of(c, &r->base.node))

static bool take_number(struct span *line, uint32_t *number)
{
    uint64_t n = 0;
    size_t i = 0;

    for (; i < line->len && line->ptr[i] >= '0' && line->ptr[i] <= '9' && i < 10; i++)
        n = n * 10 + (uint64_t)(line->ptr[i] - '0');
    *line = span_skip(*line, i);
    *number = (uint32_t)n;
    return i > 0 && n > 0 && n <= UINT32_MAX;
}

/* Returns line without its first n bytes; empty when it has no more. */
static struct span after(struct span line, size_t n)
{
    return span_skip(line, n < line.len ? n : line.len);
}

static struct span until_tab(struct span line)
{
    const char *tab = line.len == 0 ? NULL : memchr(line.ptr, '\t', line.len);

    return (struct span){line.ptr, tab == NULL ? line.len : (size_t)(tab - line.ptr)};
}

/* A lookup or an iteration that waits for earlier transactions, and came while there was no such
 * table, has its whole time when they have ended. */
static void check_time(const struct client *c, const struct dict_request *r)
{
    int64_t wait_ns = r->turn_ns;

    if (r->tx == NULL && judge_can_be_absent(r->base.table, r->base.complete_ns))
        wait_ns += r->base.wait_ns;
    if (!c->is_slow)
        judge_time(r->base.table, r->base.complete_ns, wait_ns, r->base.key);
}

/* Lookups */

static void judge(struct client *c, const struct dict_request *r, enum judge_status status,
                  struct span text)
{
    const struct judge_lookup lookup = {.table = r->base.table,
                                        .key = r->base.key,
                                        .protocol = TRUTH_DOVECOT,
                                        .sent_ns = r->base.sent_ns,
                                        .wait_most_ns = r->base.wait_ns,
                                        .after = r->after};

    world_count_answer(c->world, status);
    check_time(c, r);
    judge_lookup(&lookup, status, text.ptr, text.len);
}

static bool answer_lookup(struct client *c, struct dict_request *r, struct span line)
{
    const struct span text = until_tab(after(line, 1));

    switch (line.len == 0 ? '\0' : line.ptr[0]) {
    case 'O': judge(c, r, JUDGE_FOUND, text); break;
    case 'N': judge(c, r, JUDGE_MISS, text); break;
    case 'F': judge(c, r, JUDGE_FAILED, text); break;
    default: return false;
    }
    client_answered(c, &r->base);
    return true;
}

/* Transactions */

static bool is_told(char letter)
{
    return letter != '\0' && strchr("ONFW", letter) != NULL;
}

static bool answer_commit(struct client *c, struct dict_request *r, struct span line)
{
    struct span rest = after(line, 1);
    char reason[200];
    uint32_t id;

    if (line.len == 0 || !is_told(line.ptr[0]) || !take_number(&rest, &id) || id != r->id)
        return false;
    rest = after(rest, 1);
    snprintf(reason, sizeof(reason), "%.*s", (int)rest.len, rest.len == 0 ? "" : rest.ptr);
    check_time(c, r);
    judge_write(&r->tx, r->base.table, (enum ledger_told)line.ptr[0], reason, r->base.sent_ns,
                r->base.wait_ns);
    client_answered(c, &r->base);
    return true;
}

/* Iterations */

static bool take_row(struct dict_request *r, struct span line)
{
    static const char shared[] = "shared/";
    const struct span name = until_tab(after(line, 1));
    const struct span value = after(line, 1 + name.len + 1);
    const struct span key = after(name, strlen(shared));

    if (1 + name.len == line.len || name.len < strlen(shared) ||
        memcmp(name.ptr, shared, strlen(shared)) != 0)
        return false;
    if (r->rows != NULL) {
        judge_row(r->rows, key.ptr, key.len, value.ptr, value.len);
        return true;
    }
    if (r->row != NULL || key.len != strlen(r->base.key) ||
        memcmp(key.ptr, r->base.key, key.len) != 0)
        return false;
    r->row = xmemdup0(value.ptr, value.len);
    return true;
}

static void end_exact(struct client *c, struct dict_request *r, bool has_failed, struct span text)
{
    if (has_failed)
        judge(c, r, JUDGE_FAILED, text);
    else if (r->row != NULL)
        judge(c, r, JUDGE_FOUND, span_of(r->row));
    else
        judge(c, r, JUDGE_MISS, SPAN(""));
}

static bool answer_iteration(struct client *c, struct dict_request *r, struct span line)
{
    const bool has_failed = line.len > 0 && line.ptr[0] == 'F';
    char reason[200];

    if (line.len > 0 && line.ptr[0] == 'O')
        return take_row(r, line);
    if (line.len > 0 && !has_failed)
        return false;
    snprintf(reason, sizeof(reason), "%.*s", (int)line.len, line.len == 0 ? "" : line.ptr);
    if (r->rows != NULL)
        judge_rows_end(&r->rows, has_failed, reason);
    else
        end_exact(c, r, has_failed, span_of(reason));
    client_answered(c, &r->base);
    return true;
}

/* Lines */

static bool answer(struct client *c, struct dict_request *r, struct span line)
{
    switch (r->base.kind) {
    case REQUEST_LOOKUP: return answer_lookup(c, r, line);
    case REQUEST_ITERATION: return answer_iteration(c, r, line);
    case REQUEST_COMMIT: return answer_commit(c, r, line);
    }
    return false;
}

static bool take_announcement(struct client *c, struct span line)
{
    const struct dovecot *d = dovecot_of(c);
    uint32_t number;

    if (!take_number(&line, &number) || line.len > 0 || (d->major == 2 && d->minor == 0))
        return false;
    FOR_EACH_REQUEST(r, c)
    {
        if (r->number == 0 && r->base.complete_ns != 0) {
            r->number = number;
            return true;
        }
    }
    return false;
}

static bool take_numbered(struct client *c, struct span line)
{
    uint32_t number;

    if (!take_number(&line, &number) || line.len == 0 || line.ptr[0] != '\t')
        return false;
    FOR_EACH_REQUEST(r, c)
    {
        if (r->number == number)
            return answer(c, r, after(line, 1));
    }
    return false;
}

static bool take_async(struct client *c, struct span line)
{
    struct span rest = after(line, 1);
    uint32_t id;

    if (!take_number(&rest, &id))
        return false;
    FOR_EACH_REQUEST(r, c)
    {
        if (r->is_async && r->id == id)
            return answer(c, r, line);
    }
    return false;
}

static bool take_plain(struct client *c, struct span line)
{
    FOR_EACH_REQUEST(r, c)
    {
        if (!r->is_async)
            return r->number == 0 && r->base.complete_ns != 0 && answer(c, r, line);
    }
    return false;
}

static bool take_line(struct client *c, struct span line)
{
    switch (line.len == 0 ? '\0' : line.ptr[0]) {
    case '*': return take_announcement(c, after(line, 1));
    case '+': return take_numbered(c, after(line, 1));
    case 'A': return take_async(c, after(line, 1));
    default: return take_plain(c, line);
    }
}

size_t dict_answer_take(struct client *c, struct span in)
{
    const char *feed = in.len == 0 ? NULL : memchr(in.ptr, '\n', in.len);
    struct span line;

    if (feed == NULL)
        return 0;
    line = (struct span){in.ptr, (size_t)(feed - in.ptr)};
    if (!take_line(c, line))
        client_refuses(c, "no dict answer", line);
    return line.len + 1;
}
