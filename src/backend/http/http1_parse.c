#include "http1_parse.h"

#include "podop/parse.h"
#include "podop/word.h"

#include <strings.h>

static const uint64_t body_bytes_max = INT64_MAX;

void http1_start(struct http1 *p)
{
    memset(p, 0, offsetof(struct http1, content_type)); /* HTTP1_AT_STATUS_LINE */
    p->content_type[0] = p->content_encoding[0] = '\0';
}

static enum parse bad(struct http1 *p, const char *fault)
{
    p->fault = fault;
    return PARSE_BAD;
}

static bool equals(struct span text, struct span lower_case)
{
    return text.len == lower_case.len && strncasecmp(text.ptr, lower_case.ptr, text.len) == 0;
}

/* Returns whether eight bytes of a line are those of lower_case, which has letters and dashes only.
 * A line has no CR, so that only a dash becomes a dash. */
static inline bool has_word(const char *text, const char *lower_case)
{
    return (word_load(text) | WORD_ONES * 0x20) == word_load(lower_case);
}

/* Does the same as equals() for the name of a field, of 8 to 24 letters and dashes. */
static inline bool is_named(struct span name, struct span lower_case)
{
    return name.len == lower_case.len && has_word(name.ptr, lower_case.ptr) &&
           has_word(name.ptr + name.len - WORD_BYTES, lower_case.ptr + name.len - WORD_BYTES) &&
           (name.len <= (size_t)2 * WORD_BYTES ||
            has_word(name.ptr + WORD_BYTES, lower_case.ptr + WORD_BYTES));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline struct span trim(struct span text)
{
    for (; text.len > 0 && is_blank(text.ptr[0]); text.len--)
        text.ptr++;
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

/* Returns whether all bytes are above '\r', as in nearly every line. Returns false for short lines,
 * which it does not check. */
static bool is_surely_fine(struct span line)
{
    size_t i = 0;

    if (line.len < WORD_BYTES)
        return line.len == 0;
    for (; line.len - i >= WORD_BYTES; i += WORD_BYTES) {
        if (word_has_below(word_load(line.ptr + i), '\r' + 1))
            return false;
    }
    return !word_has_below(word_load(line.ptr + line.len - WORD_BYTES), '\r' + 1);
}

/* Takes the line at the front of in, without its end. A line of a head may end in a line feed alone
 * (RFC 9112 section 2.2). *bytes becomes its length with the end, which is at most max. Inlined
 * twice, because a call would cost each line of an answer 20 instructions. */
static inline __attribute__((always_inline)) enum parse
take_line(struct http1 *p, struct span in, size_t max, struct span *line, size_t *bytes)
{
    const char *feed =
        p->scanned < in.len ? memchr(in.ptr + p->scanned, '\n', in.len - p->scanned) : NULL;

    *bytes = feed == NULL ? in.len : (size_t)(feed - in.ptr) + 1;
    if (*bytes > max)
        return bad(p, "a line or the head of the answer is too long");
    p->scanned = feed == NULL ? in.len : 0;
    if (feed == NULL)
        return PARSE_MORE;
    *line = (struct span){in.ptr, *bytes - 1};
    if (line->len > 0 && feed[-1] == '\r')
        line->len--;
    if (!is_surely_fine(*line) && (span_has_byte(*line, '\r') || span_has_byte(*line, '\0')))
        return bad(p, "the head of the answer holds a bare CR or a NUL");
    return PARSE_DONE;
}

/* Returns false as soon as in cannot become a status line, so that its end is not waited for. */
static bool may_be_http(struct span in)
{
    const struct span start = SPAN("HTTP/1.");

    return in.len >= start.len ? span_starts_with(in, start) : span_starts_with(start, in);
}

/* Refuses an answer that begins with in. An alert of TLS begins with 21, 3. */
static enum parse bad_start(struct http1 *p, struct span in)
{
    return bad(p, span_starts_with(in, SPAN("\x15\x03"))
                      ? "the server speaks TLS on this port: is https:// meant?"
                      : "the answer is not HTTP/1.1");
}

static enum parse take_status_line(struct http1 *p, struct span line)
{
    const char *c = line.ptr;
    unsigned status = 0;

    if (line.len < 12 || !may_be_http(line) || (c[7] != '0' && c[7] != '1') || c[8] != ' ')
        return bad_start(p, line);
    for (size_t i = 9; i < 12; i++) {
        /* a byte below '0' becomes a large number */
        unsigned digit = (unsigned)(unsigned char)c[i] - '0';

        if (digit > 9)
            return bad_start(p, line);
        status = status * 10 + digit;
    }
    if ((line.len > 12 && c[12] != ' ') || status < 100)
        return bad_start(p, line);
    p->status = status;
    if (status == 101)
        return bad(p, "the server switched to another protocol");
    p->is_1_0 = c[7] == '0';
    p->state = HTTP1_AT_FIELD;
    return PARSE_DONE;
}

/* Takes the next element, which may be empty, off a list with commas. */
static struct span next_of(struct span *list)
{
    const char *comma = memchr(list->ptr, ',', list->len);
    size_t len = comma == NULL ? list->len : (size_t)(comma - list->ptr);
    struct span element = trim((struct span){list->ptr, len});

    *list = span_skip(*list, comma == NULL ? len : len + 1);
    return element;
}

/* Reads Content-Length. Several lengths that agree are valid (RFC 9110 section 8.6), in one line
 * or in many. */
static enum parse take_length(struct http1 *p, struct span value)
{
    static const char invalid[] = "the answer has an invalid Content-Length";

    p->may_fold = false;
    do {
        const struct span digits = next_of(&value);
        uint64_t length = 0;

        for (size_t i = 0; i < digits.len; i++) {
            unsigned digit = (unsigned)(unsigned char)digits.ptr[i] - '0';

            if (digit > 9 || length > (body_bytes_max - digit) / 10)
                return bad(p, invalid);
            length = length * 10 + digit;
        }
        if (digits.len == 0 || (p->has_length && p->length != length))
            return bad(p, invalid);
        p->has_length = true;
        p->length = length;
    } while (value.len > 0);
    return PARSE_DONE;
}

/* Ignores empty elements (RFC 9110 section 5.6.1.2) and "identity" (RFC 2616 section 3.6). When an
 * application and its web server both add "chunked", the body is still chunked only once, as RFC
 * 9112 section 6.1 demands. */
static enum parse take_coding(struct http1 *p, struct span value)
{
    p->may_fold = false;
    while (value.len > 0) {
        struct span coding = next_of(&value);

        if (coding.len == 0 || (!p->is_chunked && equals(coding, SPAN("identity"))))
            continue;
        if (!equals(coding, SPAN("chunked")))
            return bad(p, "the answer has a Transfer-Encoding other than chunked");
        p->says_close |= p->is_chunked;
        p->is_chunked = true;
    }
    return PARSE_DONE;
}

static void take_connection(struct http1 *p, struct span value)
{
    p->may_fold = false;
    while (value.len > 0) {
        struct span option = next_of(&value);

        p->says_close |= equals(option, SPAN("close"));
        p->says_keep_alive |= equals(option, SPAN("keep-alive"));
    }
}

/* Adds an element to a list with commas, of at most room bytes with its NUL. */
static void add_element(char *list, size_t room, struct span text)
{
    const size_t len = strlen(list);
    const size_t comma_len = len == 0 ? 0 : strlen(", ");

    if (len + comma_len + text.len >= room) {
        memcpy(list, HTTP1_TOO_LONG, sizeof(HTTP1_TOO_LONG));
        return;
    }
    memcpy(list + len, ", ", comma_len);
    memcpy(list + len + comma_len, text.ptr, text.len);
    list[len + comma_len + text.len] = '\0';
}

/* Parameters are left out if there is no room for them. Nearly every answer has one Content-Type
 * that is short. */
static void take_type(struct http1 *p, struct span value)
{
    const char *parameters;

    value = trim(value);
    if (p->content_type[0] != '\0' || value.len >= sizeof(p->content_type)) {
        parameters = memchr(value.ptr, ';', value.len);
        if (parameters != NULL)
            value.len = (size_t)(parameters - value.ptr);
        add_element(p->content_type, sizeof(p->content_type), value);
        return;
    }
    memcpy(p->content_type, value.ptr, value.len);
    p->content_type[value.len] = '\0';
}

static void take_encoding(struct http1 *p, struct span value)
{
    while (value.len > 0) {
        const struct span coding = next_of(&value);

        if (coding.len > 0 && !equals(coding, SPAN("identity")))
            add_element(p->content_encoding, sizeof(p->content_encoding), coding);
    }
}

static void take_location(struct http1 *p, struct span value)
{
    value = trim(value);
    if (value.len >= sizeof(p->location))
        value.len = sizeof(p->location) - 1;
    memcpy(p->location, value.ptr, value.len);
    p->location[value.len] = '\0';
    p->has_location = true;
}

static bool is_about_framing(struct span name)
{
    return equals(name, SPAN("content-length")) || equals(name, SPAN("transfer-encoding")) ||
           equals(name, SPAN("connection"));
}

static enum parse take_known_field(struct http1 *p, struct span name, struct span value)
{
    switch (name.len) { /* most fields cost one comparison */
    case sizeof("Location") - 1:
        if (is_named(name, SPAN("location")))
            take_location(p, value);
        break;
    case sizeof("Connection") - 1:
        if (is_named(name, SPAN("connection")))
            take_connection(p, value);
        break;
    case sizeof("Content-Type") - 1:
        if (is_named(name, SPAN("content-type")))
            take_type(p, value);
        break;
    case sizeof("Content-Length") - 1:
        if (is_named(name, SPAN("content-length")))
            return take_length(p, trim(value));
        break;
    case sizeof("Content-Encoding") - 1:
        if (is_named(name, SPAN("content-encoding")))
            take_encoding(p, value);
        break;
    case sizeof("Transfer-Encoding") - 1:
        if (is_named(name, SPAN("transfer-encoding")))
            return take_coding(p, trim(value));
        break;
    default: break;
    }
    return PARSE_DONE;
}

static enum parse take_field(struct http1 *p, struct span line, bool is_trailer)
{
    static const char invalid[] = "the answer has an invalid header line";
    const char *colon = memchr(line.ptr, ':', line.len);
    struct span name;

    if (is_blank(*line.ptr)) /* a folded line: RFC 9112 section 5.2 */
        return p->may_fold ? PARSE_DONE : bad(p, invalid);
    if (colon == NULL)
        return bad(p, invalid);
    name = (struct span){line.ptr, (size_t)(colon - line.ptr)};
    /* Proxies disagree about a blank before the colon. In an ignored field it does no harm. */
    if (name.len > 0 && is_blank(colon[-1]) && is_about_framing(trim(name)))
        return bad(p, invalid);
    p->may_fold = true;
    if (is_trailer)
        return PARSE_DONE;
    return take_known_field(p, name, span_skip(line, name.len + 1));
}

/* Decides how the body ends (RFC 9112 section 6.3). */
static enum parse end_head(struct http1 *p)
{
    if (p->status < 200) { /* an interim answer, before the final one */
        const size_t head_bytes = p->head_bytes;

        http1_start(p);
        p->head_bytes = head_bytes;
        return PARSE_DONE;
    }
    p->left = p->length;
    p->says_close |= p->has_length && p->is_chunked; /* a proxy may see another end of the body */
    if (p->status == 204 || p->status == 304) {
        p->says_close |= p->length > 0 || p->is_chunked; /* the body may come nevertheless */
        p->state = HTTP1_AT_END;
    } else if (p->is_chunked)
        p->state = HTTP1_AT_CHUNK_SIZE;
    else if (p->has_length)
        p->state = p->length > 0 ? HTTP1_IN_LENGTH : HTTP1_AT_END;
    else
        p->state = HTTP1_UNTIL_CLOSE;
    return PARSE_DONE;
}

static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
        return (unsigned)((c | 0x20) - 'a') + 10;
    return 16;
}

static enum parse take_chunk_size(struct http1 *p, struct span line)
{
    uint64_t size = 0;
    size_t i = 0;

    for (; i < line.len && hex_digit(line.ptr[i]) < 16; i++) {
        if (size > body_bytes_max >> 4)
            return bad(p, "the answer has an invalid chunk");
        size = size << 4 | hex_digit(line.ptr[i]);
    }
    if (i == 0)
        return bad(p, "the answer has an invalid chunk");
    while (i < line.len && is_blank(line.ptr[i]))
        i++;
    if (i < line.len && line.ptr[i] != ';') /* an extension, which is ignored */
        return bad(p, "the answer has an invalid chunk");
    p->left = size;
    p->state = size == 0 ? HTTP1_AT_TRAILER : HTTP1_IN_CHUNK;
    return PARSE_DONE;
}

static enum parse take_head_line(struct http1 *p, struct span in, size_t *bytes)
{
    struct span line = {NULL, 0};
    enum parse got = take_line(p, in, HTTP1_HEAD_BYTES_MAX - p->head_bytes, &line, bytes);

    if (p->state == HTTP1_AT_STATUS_LINE && got == PARSE_MORE && !may_be_http(in))
        return bad_start(p, in);
    if (got != PARSE_DONE)
        return got;
    p->head_bytes += *bytes;
    if (p->state == HTTP1_AT_STATUS_LINE)
        return take_status_line(p, line);
    if (line.len > 0)
        return take_field(p, line, p->state == HTTP1_AT_TRAILER);
    if (p->state == HTTP1_AT_FIELD)
        return end_head(p);
    p->state = HTTP1_AT_END;
    return PARSE_DONE;
}

/* Takes the end of a chunk, which is CR LF and never a line feed alone. */
static enum parse take_chunk_line(struct http1 *p, struct span in, size_t *bytes)
{
    const bool is_end = p->state == HTTP1_AT_CHUNK_END;
    struct span line = {NULL, 0};
    enum parse got = take_line(p, in, is_end ? 2 : HTTP1_CHUNK_LINE_BYTES_MAX, &line, bytes);

    if (got != PARSE_DONE)
        return got;
    if (*bytes != line.len + 2 || (is_end && line.len > 0))
        return bad(p, "the answer has an invalid chunk");
    if (!is_end)
        return take_chunk_size(p, line);
    p->state = HTTP1_AT_CHUNK_SIZE;
    return PARSE_DONE;
}

/* Takes a part of the body: at most p->left bytes of in. */
static enum http1_event take_body(struct http1 *p, struct span in, enum http1_state next,
                                  size_t *used, struct span *body)
{
    if (in.len == 0)
        return HTTP1_MORE;
    *body = in;
    if (body->len >= p->left) {
        body->len = (size_t)p->left; /* no more than in.len */
        p->state = next;
    }
    p->left -= body->len;
    *used += body->len;
    return HTTP1_BODY;
}

enum http1_event http1_parse(struct http1 *p, struct span in, size_t *used, struct span *body)
{
    *used = 0;
    for (;;) {
        enum parse got = PARSE_BAD;
        size_t bytes = 0;

        switch (p->state) {
        case HTTP1_AT_STATUS_LINE:
        case HTTP1_AT_FIELD:
        case HTTP1_AT_TRAILER: got = take_head_line(p, in, &bytes); break;
        case HTTP1_AT_CHUNK_SIZE:
        case HTTP1_AT_CHUNK_END: got = take_chunk_line(p, in, &bytes); break;
        case HTTP1_IN_LENGTH: return take_body(p, in, HTTP1_AT_END, used, body);
        case HTTP1_IN_CHUNK: return take_body(p, in, HTTP1_AT_CHUNK_END, used, body);
        case HTTP1_UNTIL_CLOSE:
            p->left = UINT64_MAX;
            return take_body(p, in, HTTP1_AT_END, used, body);
        case HTTP1_AT_END: return HTTP1_END;
        }
        if (got != PARSE_DONE)
            return got == PARSE_MORE ? HTTP1_MORE : HTTP1_BAD;
        in = span_skip(in, bytes);
        *used += bytes;
    }
}

bool http1_ends_by_close(const struct http1 *p)
{
    return p->state == HTTP1_UNTIL_CLOSE;
}

bool http1_keeps_alive(const struct http1 *p)
{
    return !p->says_close && (!p->is_1_0 || (p->says_keep_alive && !p->is_chunked));
}
