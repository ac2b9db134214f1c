#include "podop/secret.h"

#include "podop/file_fault.h"
#include "podop/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct secret {
    size_t len;
    bool is_exposed;
    char bytes[]; /* and a NUL */
};

/* Allocates the final size, because memory that grows may leave copies of the bytes. */
static struct secret *secret_new(size_t len)
{
    struct secret *s = xmalloc(sizeof(*s) + len + 1);

    s->len = len;
    s->is_exposed = false;
    s->bytes[len] = '\0';
    return s;
}

void secret_free(struct secret **psecret)
{
    struct secret *s = *psecret;

    if (s == NULL)
        return;
    *psecret = NULL;
    explicit_bzero(s->bytes, s->len);
    free(s);
}

struct span secret_span(const struct secret *secret)
{
    return secret == NULL ? SPAN("") : (struct span){secret->bytes, secret->len};
}

const char *secret_text(const struct secret *secret)
{
    return secret->bytes;
}

bool secret_is_exposed(const struct secret *secret)
{
    return secret->is_exposed;
}

struct secret *secret_concat(const struct span *parts, size_t count)
{
    struct secret *s;
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    s = secret_new(len);
    len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(s->bytes + len, parts[i].ptr, parts[i].len);
        len += parts[i].len;
    }
    return s;
}

struct secret *secret_base64(struct span in)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    enum { PADDING = 64 };
    struct secret *s = secret_new((in.len + 2) / 3 * 4);
    char *to = s->bytes;

    for (size_t i = 0; i < in.len; i += 3) {
        size_t left = in.len - i;
        unsigned bits = (unsigned)(unsigned char)in.ptr[i] << 16;

        if (left > 1)
            bits |= (unsigned)(unsigned char)in.ptr[i + 1] << 8;
        if (left > 2)
            bits |= (unsigned char)in.ptr[i + 2];
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = digits[left > 1 ? bits >> 6 & 63 : PADDING];
        *to++ = digits[left > 2 ? bits & 63 : PADDING];
    }
    return s;
}

/* Reads until s is full or the file ends, and sets s->len. */
static int fill(struct secret *s, int fd, const char *path, struct error *err)
{
    size_t room = s->len;
    struct stat info;

    s->len = 0;
    if (fstat(fd, &info) == -1)
        return error_errno(err, "%s", path);
    if (!S_ISREG(info.st_mode))
        return error_set(err, ERR_CONFIG, "%s: not a regular file", path);
    s->is_exposed = (info.st_mode & S_IROTH) != 0;
    while (s->len < room) {
        ssize_t n = read(fd, s->bytes + s->len, room - s->len);

        if (n == -1 && errno != EINTR)
            return error_errno(err, "%s", path);
        if (n == 0)
            break;
        if (n > 0)
            s->len += (size_t)n;
    }
    return 0;
}

/* Reads at most max bytes from the beginning of a file. */
static struct secret *read_front(const char *path, size_t max, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct secret *s;

    if (fd == -1) {
        file_fault(err, path);
        return NULL;
    }
    s = secret_new(max);
    if (fill(s, fd, path, err) == -1)
        secret_free(&s);
    close(fd);
    return s;
}

/* Returns the first len bytes of s in memory of that size. Takes ownership of s. */
static struct secret *cut(struct secret *s, size_t len)
{
    struct secret *part = secret_concat(&(struct span){s->bytes, len}, 1);

    part->is_exposed = s->is_exposed;
    secret_free(&s);
    return part;
}

static size_t line_len(const struct secret *s)
{
    const char *end = memchr(s->bytes, '\n', s->len);
    size_t len = end == NULL ? s->len : (size_t)(end - s->bytes);

    return end != NULL && len > 0 && end[-1] == '\r' ? len - 1 : len;
}

static int check_line(const char *path, struct span line, struct error *err)
{
    if (line.len == 0)
        return error_set(err, ERR_CONFIG, "%s: the first line is empty", path);
    if (line.len > SECRET_LINE_BYTES_MAX)
        return error_set(err, ERR_CONFIG, "%s: the first line has more than %d bytes", path,
                         SECRET_LINE_BYTES_MAX);
    for (size_t i = 0; i < line.len; i++) {
        if ((unsigned char)line.ptr[i] < ' ' || line.ptr[i] == 0x7f)
            return error_set(err, ERR_CONFIG, "%s: the first line has a control byte", path);
    }
    return 0;
}

struct secret *secret_read_line(const char *path, struct error *err)
{
    struct secret *s = read_front(path, SECRET_LINE_BYTES_MAX + 2, err); /* 2 for the line end */
    size_t len;

    if (s == NULL)
        return NULL;
    len = line_len(s);
    if (check_line(path, (struct span){s->bytes, len}, err) == -1)
        secret_free(&s);
    return s == NULL ? NULL : cut(s, len);
}

struct secret *secret_read_file(const char *path, struct error *err)
{
    struct secret *s = read_front(path, (size_t)SECRET_FILE_BYTES_MAX + 1, err);
    size_t len = s == NULL ? 0 : s->len;

    if (s == NULL)
        return NULL;
    if (len > 0 && len <= SECRET_FILE_BYTES_MAX)
        return cut(s, len);
    if (len == 0)
        error_set(err, ERR_CONFIG, "%s: the file is empty", path);
    else
        error_set(err, ERR_CONFIG, "%s: the file is larger than %d bytes", path,
                  SECRET_FILE_BYTES_MAX);
    secret_free(&s);
    return NULL;
}
