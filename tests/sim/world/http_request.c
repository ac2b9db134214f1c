#include "http_request.h"

#include "buf_print.h"

#include "../kernel/kernel.h"

#include "podop/json_value.h"

#include <stdlib.h>
#include <string.h>

static struct span skip(struct span s, size_t n)
{
    return span_skip(s, n);
}

/* Returns the value of a header of the head, or an empty span. */
static struct span header(struct span head, const char *name)
{
    const size_t len = strlen(name);
    struct span none = {0};

    for (;;) {
        const char *end = memmem(head.ptr, head.len, "\r\n", 2);

        if (end == NULL)
            return none;
        head = skip(head, (size_t)(end - head.ptr) + 2);
        if (head.len > len + 2 && strncasecmp(head.ptr, name, len) == 0 && head.ptr[len] == ':') {
            const char *text = head.ptr + len + 1;

            while (*text == ' ')
                text++;
            end = memmem(text, head.len - (size_t)(text - head.ptr), "\r\n", 2);
            return (struct span){text, (size_t)(end - text)};
        }
    }
}

static uint64_t number_of(struct span text)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    return number;
}

/* Returns the head with the empty line after it, or an empty span. */
static struct span head_of(struct span bytes)
{
    const char *end = memmem(bytes.ptr, bytes.len, "\r\n\r\n", 4);

    return (struct span){bytes.ptr, end == NULL ? 0 : (size_t)(end - bytes.ptr) + 4};
}

size_t http_request_len(struct span bytes)
{
    const struct span head = head_of(bytes);
    size_t len;

    if (head.len == 0)
        return 0;
    len = head.len + (size_t)number_of(header(head, "Content-Length"));
    return len <= bytes.len ? len : 0;
}

static int hex(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static void decode(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '%' && i + 2 < text.len) {
            buf_add_char(out, (char)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2])));
            i += 2;
        } else {
            buf_add_char(out, text.ptr[i]);
        }
    }
}

static enum http_verb verb_of(struct span method)
{
    if (span_equal(method, SPAN("GET")))
        return HTTP_GET;
    if (span_equal(method, SPAN("POST")))
        return HTTP_SET;
    if (span_equal(method, SPAN("DELETE")))
        return HTTP_UNSET;
    if (span_equal(method, SPAN("PATCH")))
        return HTTP_INC;
    sim_broken("a request that is not HTTP", "%.*s", (int)method.len, method.ptr);
}

/* Fills key, or sets the verb for a commit or a list. */
static void read_target(struct http_request *r, struct span target)
{
    const char *path = r->table->path, *query = memchr(target.ptr, '?', target.len);
    const size_t len = strlen(path), other = strlen(SCENE_OTHER_PATH);

    if (query != NULL)
        target.len = (size_t)(query - target.ptr);
    r->has_other_path = target.len > other && memcmp(target.ptr, SCENE_OTHER_PATH, other) == 0;
    if (r->has_other_path)
        target = skip(target, other);
    if (target.len < len || memcmp(target.ptr, path, len) != 0)
        sim_broken("a request to a path of another table", "%s: %.*s", r->table->name,
                   (int)target.len, target.ptr);
    target = skip(target, len);
    if (span_equal(target, SPAN("-commit")) && r->table->has_commit_url) {
        r->verb = HTTP_COMMIT;
        return;
    }
    if (target.len < 2 || *target.ptr != '/')
        sim_broken("a request to a path of another table", "%s: %.*s", r->table->name,
                   (int)target.len, target.ptr);
    decode(&r->key, skip(target, 1));
    if (r->verb == HTTP_GET && r->key.ptr[r->key.len - 1] == '/')
        r->verb = HTTP_LIST;
}

static uint64_t transaction_of(struct span timestamp)
{
    const char *point = timestamp.len == 0 ? NULL : memchr(timestamp.ptr, '.', timestamp.len);

    return point == NULL ? 0 : number_of(skip(timestamp, (size_t)(point - timestamp.ptr) + 1));
}

void http_request_init(struct http_request *r, struct span bytes)
{
    const struct span head = head_of(bytes);
    const char *blank = memchr(head.ptr, ' ', head.len);
    const char *second = memchr(blank + 1, ' ', (size_t)(head.ptr + head.len - blank - 1));
    const struct span name = header(head, "Podop-Table");

    memset(r, 0, sizeof(*r));
    buf_init(&r->key, BUF_LIMITED_BY_INPUT);
    r->verb = verb_of((struct span){head.ptr, (size_t)(blank - head.ptr)});
    r->table = judge_table(name.ptr, name.len);
    if (r->table == NULL)
        sim_broken("a request without a table", "%.*s", (int)head.len, head.ptr);
    r->body = skip(bytes, head.len);
    r->host = header(head, "Host");
    r->number = transaction_of(header(head, "Podop-Timestamp"));
    read_target(r, (struct span){blank + 1, (size_t)(second - blank - 1)});
}

void http_request_deinit(struct http_request *r)
{
    buf_deinit(&r->key);
}

/* The changes of a transaction */

static struct span member(struct span object, struct span quoted_name)
{
    struct json_cursor cursor = json_walk(object);
    struct span name, value;

    while (json_next(&cursor, &name, &value)) {
        if (span_equal(name, quoted_name))
            return value;
    }
    return (struct span){0};
}

void http_changes_init(struct http_changes *changes, struct http_request *request)
{
    changes->request = request;
    changes->next = 0;
    buf_init(&changes->key, BUF_LIMITED_BY_INPUT);
}

bool http_changes_next(struct http_changes *changes, enum ledger_kind *kind, struct span *value)
{
    struct json_cursor cursor = json_walk(member(changes->request->body, SPAN("\"ops\"")));
    struct span name, change = {0}, op;

    for (size_t i = 0; i <= changes->next; i++) {
        if (!json_next(&cursor, &name, &change))
            return false;
    }
    changes->next++;
    op = member(change, SPAN("\"op\""));
    *kind = span_equal(op, SPAN("\"set\""))     ? LEDGER_SET
            : span_equal(op, SPAN("\"unset\"")) ? LEDGER_UNSET
                                                : LEDGER_INC;
    *value = member(change, SPAN("\"value\""));
    buf_clear(&changes->key);
    json_add_text(&changes->key, member(change, SPAN("\"key\"")));
    return true;
}

void http_changes_deinit(struct http_changes *changes)
{
    buf_deinit(&changes->key);
}

/* Answers */

static void add_chunks(struct buf *out, struct span body, struct sim_random *random)
{
    while (body.len > 0) {
        const size_t len = 1 + (size_t)sim_random(random, body.len);

        buf_print(out, "%zx%s\r\n", len, sim_chance(random, 0.1) ? ";more=1" : "");
        buf_add(out, (struct span){body.ptr, len});
        buf_print(out, "\r\n");
        body = skip(body, len);
    }
    buf_print(out, "0\r\n%s\r\n", sim_chance(random, 0.1) ? "X-Sum: 1\r\n" : "");
}

static bool has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

void http_answer(struct buf *out, unsigned status, const char *type, struct span body,
                 struct http_style style, struct sim_random *random)
{
    if (style.is_spaced && sim_chance(random, 0.3))
        buf_print(out, "HTTP/1.1 100 Continue\r\n\r\n");
    buf_print(out, "HTTP/1.1 %u %s\r\n", status, style.is_spaced ? "" : "Status");
    if (style.is_spaced)
        buf_print(out, "sErVer:  sim/1 (x) \r\nX-Empty:\r\nSet-Cookie: a=%u\r\n",
                  (unsigned)sim_random(random, 1000));
    if (type != NULL)
        buf_print(out, "%s: %s\r\n", style.is_spaced ? "content-TYPE" : "Content-Type", type);
    if (style.closes || style.has_no_length)
        buf_print(out, "Connection: close\r\n");
    if (!has_body(status)) {
        buf_print(out, "\r\n");
        return;
    }
    if (style.has_no_length) {
        buf_print(out, "\r\n");
        buf_add(out, body);
        return;
    }
    if (style.is_chunked) {
        buf_print(out, "Transfer-Encoding: chunked\r\n\r\n");
        add_chunks(out, body, random);
        return;
    }
    buf_print(out, "%s: %zu\r\n\r\n", style.is_spaced ? "CONTENT-LENGTH" : "Content-Length",
              body.len);
    buf_add(out, body);
}
