#include "source.h"

#include "podop/encoding.h"
#include "podop/file_fault.h"
#include "podop/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TEXT_BYTES_MAX = 16 * 1024 * 1024, /* all files together */
    READ_BYTES = 64 * 1024,
    DEPTH_MAX = 10, /* of files that include files, as in libconfig */
    INCLUDE_MESSAGE_BYTES_MAX = 600,
};

/* A file that is being copied into the text. */
struct scan {
    struct source *source;
    struct faults *faults;
    const char *file;
    struct span in;
    size_t at;
    unsigned line;  /* the line of at, from 1 */
    unsigned depth; /* levels of includes that are still allowed; 0: @include is a fault */
    const struct scan *includer; /* NULL: the first file */
    bool ends_with_comment;      /* whose line has no end */
};

static int add_file(struct source *source, const char *file, const struct scan *includer,
                    struct faults *faults);

static int scan_fault(const struct scan *scan, unsigned line, const char *message)
{
    char *origin = NULL;

    if (asprintf(&origin, "%s:%u", scan->file, line) == -1)
        abort();
    fault_add(scan->faults, origin, "%s", message);
    free(origin);
    return -1;
}

static bool next_is(const struct scan *scan, const char *text)
{
    return span_starts_with(span_skip(scan->in, scan->at), span_of(text));
}

static void copy(struct scan *scan, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (scan->in.ptr[scan->at + i] == '\n') {
            scan->line++;
            scan->source->line++;
        }
    }
    buf_add(&scan->source->text, (struct span){scan->in.ptr + scan->at, n});
    scan->at += n;
}

static void end_line(struct source *source)
{
    buf_add_char(&source->text, '\n');
    source->line++;
}

/* Records that the text from here on comes from file. */
static void mark(struct source *source, const char *file, unsigned file_line)
{
    source->segments =
        xreallocarray(source->segments, source->segment_count + 1, sizeof(source->segments[0]));
    source->segments[source->segment_count++] =
        (struct source_segment){xstrdup(file), source->line, file_line};
}

/* Copies a string. One without an end ends the whole text, and is explained later. */
static int copy_string(struct scan *scan)
{
    size_t end = scan->at + 1;

    while (end < scan->in.len && scan->in.ptr[end] != '"')
        end += scan->in.ptr[end] == '\\' ? 2 : 1;
    if (end < scan->in.len) {
        copy(scan, end + 1 - scan->at);
        return 0;
    }
    copy(scan, scan->in.len - scan->at);
    scan->source->has_open_string = true;
    return -1;
}

/* Returns whether a comment that is all the rest of the file is so only because the lines of the
 * file end with CR. */
static bool is_of_cr_lines(const struct scan *scan, struct span comment)
{
    if (comment.len > 0 && comment.ptr[comment.len - 1] == '\r')
        comment.len--;
    return span_has_byte(comment, '\r') && !span_has_byte(scan->in, '\n');
}

static int copy_line_comment(struct scan *scan)
{
    const struct span rest = span_skip(scan->in, scan->at);
    size_t n = 0;

    while (n < rest.len && rest.ptr[n] != '\n')
        n++;
    if (n == rest.len && is_of_cr_lines(scan, rest))
        return scan_fault(scan, 1, "the lines end with CR only: save the file with LF or CRLF");
    scan->ends_with_comment = n == rest.len;
    copy(scan, n);
    return 0;
}

static int copy_block_comment(struct scan *scan)
{
    struct span rest = span_skip(scan->in, scan->at + 2);
    const char *end = memmem(rest.ptr, rest.len, "*/", 2);

    if (end == NULL)
        return scan_fault(scan, scan->line, "the comment that begins here has no end");
    copy(scan, (size_t)(end - rest.ptr) + 4);
    return 0;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_*.+-", c) != NULL);
}

static unsigned hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
           : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                  : 16;
}

/* Returns whether word is a decimal or hexadecimal integer without an L that does not fit into 32
 * bits. */
static bool is_long_number(struct span word)
{
    unsigned base = 10;
    uint64_t n = 0;

    if (word.len > 0 && (word.ptr[0] == '-' || word.ptr[0] == '+'))
        word = span_skip(word, 1);
    if (span_starts_with(word, SPAN("0x")) || span_starts_with(word, SPAN("0X"))) {
        word = span_skip(word, 2);
        base = 16;
    }
    for (size_t i = 0; i < word.len; i++) {
        if (hex_digit(word.ptr[i]) >= base)
            return false;
        if (n <= INT32_MAX)
            n = n * base + hex_digit(word.ptr[i]);
    }
    return n > INT32_MAX;
}

static void copy_word(struct scan *scan)
{
    const struct span rest = span_skip(scan->in, scan->at);
    size_t n = 0;

    while (n < rest.len && is_word_char(rest.ptr[n]))
        n++;
    copy(scan, n);
    if (is_long_number((struct span){rest.ptr, n}))
        buf_add_char(&scan->source->text, 'L');
}

/* Returns the position of the quote before the name if this line begins with an @include, else 0.
 */
static size_t find_include(const struct scan *scan)
{
    const struct span rest = span_skip(scan->in, scan->at);
    const struct buf *text = &scan->source->text; /* where libconfig sees the start of a line */
    size_t n = 0;

    if (text->len > 0 && text->ptr[text->len - 1] != '\n')
        return 0;
    while (n < rest.len && (rest.ptr[n] == ' ' || rest.ptr[n] == '\t'))
        n++;
    if (!span_starts_with(span_skip(rest, n), SPAN("@include")))
        return 0;
    n += strlen("@include");
    while (n < rest.len && (rest.ptr[n] == ' ' || rest.ptr[n] == '\t'))
        n++;
    return n < rest.len && rest.ptr[n] == '"' ? scan->at + n : 0;
}

/* Returns the name between the quotes, relative to the directory of the including file. The caller
 * frees it. */
static char *include_path(const struct scan *scan, size_t from, size_t to)
{
    const char *slash = strrchr(scan->file, '/');
    struct buf path;
    char *copied;

    buf_init(&path, TEXT_BYTES_MAX);
    if (scan->in.ptr[from] != '/' && slash != NULL)
        buf_add(&path, (struct span){scan->file, (size_t)(slash - scan->file) + 1});
    for (size_t i = from; i < to; i++) {
        if (scan->in.ptr[i] == '\\' && i + 1 < to)
            i++;
        buf_add_char(&path, scan->in.ptr[i]);
    }
    copied = xmemdup0(path.ptr, path.len);
    buf_deinit(&path);
    return copied;
}

static bool is_being_read(const struct scan *scan, const char *file)
{
    for (; scan != NULL; scan = scan->includer) {
        if (strcmp(scan->file, file) == 0)
            return true;
    }
    return false;
}

static int include_file(struct scan *scan, const char *file)
{
    char message[INCLUDE_MESSAGE_BYTES_MAX];

    if (!is_being_read(scan, file) && scan->depth > 0)
        return add_file(scan->source, file, scan, scan->faults);
    if (scan->depth == 0)
        snprintf(message, sizeof(message),
                 "@include: more than %d levels of files that include files", DEPTH_MAX);
    else
        snprintf(message, sizeof(message), "@include: '%s' would include itself", file);
    return scan_fault(scan, scan->line, message);
}

static int include(struct scan *scan, size_t quote)
{
    size_t end = quote + 1;
    char *path;
    int result;

    while (end < scan->in.len && scan->in.ptr[end] != '"' && scan->in.ptr[end] != '\n')
        end += scan->in.ptr[end] == '\\' ? 2 : 1;
    if (end >= scan->in.len || scan->in.ptr[end] != '"')
        return scan_fault(scan, scan->line, "@include: the name has no closing quote");
    path = include_path(scan, quote + 1, end);
    result = include_file(scan, path);
    free(path);
    scan->at = end + 1;
    end_line(scan->source);
    mark(scan->source, scan->file, scan->line);
    return result;
}

static int scan_all(struct scan *scan)
{
    int result = 0;

    while (result == 0 && scan->at < scan->in.len) {
        char c = scan->in.ptr[scan->at];
        size_t quote = find_include(scan);

        if (quote > 0)
            result = include(scan, quote);
        else if (c == '"')
            result = copy_string(scan);
        else if (c == '#' || next_is(scan, "//"))
            result = copy_line_comment(scan);
        else if (next_is(scan, "/*"))
            result = copy_block_comment(scan);
        else if (is_word_char(c))
            copy_word(scan);
        else
            copy(scan, 1);
    }
    if (result == 0 && scan->source->text.is_over)
        return scan_fault(scan, scan->line, "the configuration is larger than 16M");
    return result;
}

/* Opens a file. Returns 0, or an errno. Refuses a pipe, because a reload must not wait for its
 * writer. */
static int open_file(const char *file, int *fd)
{
    struct stat info;

    *fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd == -1)
        return errno;
    if (fstat(*fd, &info) == 0 && !S_ISFIFO(info.st_mode))
        return 0;
    close(*fd);
    return ESPIPE;
}

/* Reads a whole file. Returns 0, or an errno. */
static int read_bytes(const char *file, struct buf *bytes)
{
    ssize_t got = 1;
    int fd, saved;

    saved = open_file(file, &fd);
    if (saved != 0)
        return saved;
    while (got > 0 && bytes->len <= TEXT_BYTES_MAX) {
        char *to = buf_reserve(bytes, READ_BYTES);

        do {
            got = read(fd, to, READ_BYTES);
        } while (got == -1 && errno == EINTR);
        if (got > 0)
            bytes->len += (size_t)got;
    }
    saved = got == -1 ? errno : got > 0 ? EFBIG : 0;
    close(fd);
    return saved;
}

static const char *reason(int code)
{
    return code == ESPIPE  ? "it is a pipe"
           : code == EFBIG ? "it is larger than 16M"
                           : strerror(code);
}

static unsigned line_at(struct span text, size_t at)
{
    unsigned line = 1;

    for (size_t i = 0; i < at; i++)
        line += text.ptr[i] == '\n';
    return line;
}

/* Reports a file that is not a text in ASCII or in something like it, such as UTF-8 or Latin-1. */
static int check_encoding(const struct scan *scan)
{
    const struct span in = scan->in;
    const char *nul = in.len == 0 ? NULL : memchr(in.ptr, '\0', in.len);
    const char *encoding = encoding_foreign(in);
    char message[INCLUDE_MESSAGE_BYTES_MAX];

    if (encoding != NULL) {
        snprintf(message, sizeof(message), "the file is in %s: save it as UTF-8", encoding);
        return scan_fault(scan, 1, message);
    }
    if (nul != NULL)
        return scan_fault(scan, line_at(in, (size_t)(nul - in.ptr)),
                          "a NUL byte: this is not a text file, or it is damaged");
    return 0;
}

static void fault_unread(const char *file, const struct scan *includer, int code,
                         struct faults *faults)
{
    const char *denial = file_denial(code, file, R_OK);
    char message[INCLUDE_MESSAGE_BYTES_MAX];

    if (includer == NULL) {
        fault_add(faults, file, "cannot read the configuration: %s%s", reason(code), denial);
        return;
    }
    snprintf(message, sizeof(message), "cannot include '%s': %s%s", file, reason(code), denial);
    scan_fault(includer, includer->line, message);
}

/* Adds a file. includer is NULL for the first one. */
static int add_file(struct source *source, const char *file, const struct scan *includer,
                    struct faults *faults)
{
    struct buf bytes;
    int code, result = -1;

    buf_init(&bytes, TEXT_BYTES_MAX + 2 * READ_BYTES);
    code = read_bytes(file, &bytes);
    if (code != 0) {
        fault_unread(file, includer, code, faults);
    } else {
        struct scan scan = {.source = source,
                            .faults = faults,
                            .file = file,
                            .in = encoding_skip_mark(buf_span(&bytes)),
                            .line = 1,
                            .depth = includer == NULL ? DEPTH_MAX : includer->depth - 1,
                            .includer = includer};

        mark(source, file, 1);
        result = check_encoding(&scan) == 0 ? scan_all(&scan) : -1;
        if (scan.ends_with_comment) /* libconfig wants an end of the line */
            end_line(source);
    }
    buf_deinit(&bytes);
    return result;
}

static void source_init(struct source *source)
{
    *source = (struct source){.line = 1};
    buf_init(&source->text, TEXT_BYTES_MAX);
}

int source_read_file(struct source *source, const char *file, struct faults *faults)
{
    source_init(source);
    return add_file(source, file, NULL, faults);
}

int source_read_text(struct source *source, const char *text, const char *name,
                     struct faults *faults)
{
    struct scan scan = {source, faults, name, span_of(text), 0, 1, 0, NULL, false};

    source_init(source);
    mark(source, name, 1);
    return scan_all(&scan);
}

void source_deinit(struct source *source)
{
    for (size_t i = 0; i < source->segment_count; i++)
        free(source->segments[i].file);
    free(source->segments);
    buf_deinit(&source->text);
    *source = (struct source){0};
}

char *source_origin(const struct source *source, unsigned text_line)
{
    const struct source_segment *segment = &source->segments[0];
    char *origin = NULL;

    for (size_t i = 1; i < source->segment_count; i++) {
        if (source->segments[i].text_line <= text_line)
            segment = &source->segments[i];
    }
    if (text_line < segment->text_line) /* line 0, of the root */
        text_line = segment->text_line;
    if (asprintf(&origin, "%s:%u", segment->file,
                 segment->file_line + (text_line - segment->text_line)) == -1)
        abort();
    return origin;
}
