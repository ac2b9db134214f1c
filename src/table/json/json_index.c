#include "podop/json_index.h"

#include "podop/buf.h"
#include "podop/encoding.h"
#include "podop/file_fault.h"
#include "podop/json_value.h"
#include "podop/mem.h"

#include "mail/key_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    FILE_BYTES_MAX = 256 * 1024 * 1024,
    READ_BYTES = 1024 * 1024,
    MEMBERS_A_CHECK = 4096, /* members between two checks of is_cancelled */
    NAME_BYTES_SHOWN = 200, /* in a fault */
};

struct member {
    size_t key_at, key_len; /* in keys */
    struct span value;      /* in text, JSON */
};

struct json_index {
    struct disposable disposable;
    atomic_uint refs;
    unsigned long number; /* of its reading, in the order in which readings of all files began */
    struct json_identity identity;
    struct buf text; /* the file */
    struct buf keys; /* decoded, one after the other */
    struct member *members;
    size_t count;
    size_t text_bytes, keys_bytes, members_bytes; /* not freed yet */
};

/* Reading */

struct reader {
    struct json_index *index;
    const char *path;
    const struct key_rules *rules; /* of the keys; NULL: they stay as they are */
    const atomic_bool *is_cancelled;
    struct error *err;
};

static int check_cancelled(const struct reader *r)
{
    if (r->is_cancelled == NULL || !atomic_load(r->is_cancelled))
        return 0;
    return error_set(r->err, ERR_SYSTEM, "%s: reading was cancelled", r->path);
}

static struct json_identity identify(const struct stat *info)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (struct json_identity){
        .device = info->st_dev,
        .inode = info->st_ino,
        .size = info->st_size,
        .modified = info->st_mtim,
        .changed = info->st_ctim,
        .is_settled = info->st_ctim.tv_sec + 1 < now.tv_sec,
    };
}

/* Reads to the end of the file, whose size may change meanwhile. */
static int read_text(const struct reader *r, int fd)
{
    struct buf *text = &r->index->text;

    for (;;) {
        char *to = buf_reserve(text, READ_BYTES);
        ssize_t n;

        if (to == NULL)
            return error_set(r->err, ERR_LIMIT, "%s: larger than %d bytes", r->path,
                             FILE_BYTES_MAX);
        n = read(fd, to, READ_BYTES);
        if (n == -1 && errno != EINTR)
            return error_errno(r->err, "%s", r->path);
        if (n == 0)
            return 0;
        if (n > 0)
            text->len += (size_t)n;
        if (check_cancelled(r) == -1)
            return -1;
    }
}

static int read_open(const struct reader *r, int fd)
{
    struct stat info;

    if (fstat(fd, &info) == -1)
        return error_errno(r->err, "%s", r->path);
    if (!S_ISREG(info.st_mode))
        return error_set(r->err, ERR_CONFIG, "%s: not a regular file", r->path);
    /* before reading, so that a change meanwhile is noticed later */
    r->index->identity = identify(&info);
    return read_text(r, fd);
}

static int read_file(const struct reader *r)
{
    int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int status;

    if (fd == -1 && r->path[0] != '/')
        return error_errno(r->err, "%s (relative to the directory in which podop was started)",
                           r->path);
    if (fd == -1)
        return file_fault(r->err, r->path);
    status = read_open(r, fd);
    close(fd);
    return status;
}

static int compare_spans(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): NULL has length 0 */
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static struct span member_key(const struct json_index *index, const struct member *m)
{
    return m->key_len == 0 ? SPAN("") : (struct span){index->keys.ptr + m->key_at, m->key_len};
}

static int compare_members(const void *a, const void *b, void *index)
{
    return compare_spans(member_key(index, a), member_key(index, b));
}

/* Appends the key that a member's name stands for, in its normal form. */
static void add_key(const struct reader *r, struct span name, struct buf *keys)
{
    struct buf key;

    if (r->rules == NULL) {
        json_add_text(keys, name);
        return;
    }
    buf_init(&key, BUF_LIMITED_BY_INPUT);
    json_add_text(&key, name);
    key_normalise(r->rules, buf_span(&key), keys);
    buf_deinit(&key);
}

static void add_member(const struct reader *r, size_t *room, struct span name, struct span value)
{
    struct json_index *index = r->index;
    struct member *m;

    if (index->count == *room) {
        *room = *room == 0 ? 64 : *room * 2;
        index->members = xreallocarray(index->members, *room, sizeof(*index->members));
        index->members_bytes = *room * sizeof(*index->members);
    }
    m = &index->members[index->count++];
    *m = (struct member){.key_at = index->keys.len, .value = value};
    add_key(r, name, &index->keys);
    m->key_len = index->keys.len - m->key_at;
}

static int add_members(const struct reader *r)
{
    struct json_cursor cursor = json_walk(buf_span(&r->index->text));
    struct span name, value;
    size_t room = 0;

    while (json_next(&cursor, &name, &value)) {
        add_member(r, &room, name, value);
        if (r->index->count % MEMBERS_A_CHECK == 0 && check_cancelled(r) == -1)
            return -1;
    }
    return check_cancelled(r);
}

static bool is_sorted(struct json_index *index)
{
    for (size_t i = 1; i < index->count; i++) {
        if (compare_members(&index->members[i - 1], &index->members[i], index) > 0)
            return false;
    }
    return true;
}

/* Sets *first and *second to the first two names in the file, in quotes, that stand for key. */
static void find_names(const struct reader *r, struct span key, struct span *first,
                       struct span *second)
{
    struct json_cursor cursor = json_walk(buf_span(&r->index->text));
    struct span name, value;
    struct buf other;

    *first = *second = SPAN("");
    buf_init(&other, BUF_LIMITED_BY_INPUT);
    while (second->len == 0 && json_next(&cursor, &name, &value)) {
        buf_clear(&other);
        add_key(r, name, &other);
        if (span_equal(buf_span(&other), key))
            *(first->len == 0 ? first : second) = name;
    }
    buf_deinit(&other);
}

static int shown(struct span text)
{
    return text.len < NAME_BYTES_SHOWN ? (int)text.len : NAME_BYTES_SHOWN;
}

/* Returns the line of a name in the file. */
static size_t line_of(const struct reader *r, struct span name)
{
    const struct span text = buf_span(&r->index->text);
    size_t line = 1;

    for (size_t i = 0; i < text.len && text.ptr + i < name.ptr; i++)
        line += text.ptr[i] == '\n';
    return line;
}

static int fault_duplicate(const struct reader *r, struct span key)
{
    struct span first, second;
    size_t line, other;

    find_names(r, key, &first, &second);
    line = line_of(r, second);
    other = line_of(r, first);
    if (r->rules == NULL)
        return error_set(r->err, ERR_CONFIG,
                         "%s:%zu: duplicate key \"%.*s\", which is in line %zu already", r->path,
                         line, shown(key), key.ptr, other);
    return error_set(r->err, ERR_CONFIG,
                     "%s:%zu: duplicate key: %.*s of line %zu and %.*s are the same key", r->path,
                     line, shown(first), first.ptr, other, shown(second), second.ptr);
}

static int check_unique(const struct reader *r)
{
    const struct json_index *index = r->index;

    for (size_t i = 1; i < index->count; i++) {
        struct span key = json_index_key(index, i);

        if (span_equal(key, json_index_key(index, i - 1)))
            return fault_duplicate(r, key);
    }
    return 0;
}

/* Removes the byte order mark that some editors write. */
static void skip_mark(struct buf *text)
{
    buf_drop(text, text->len - encoding_skip_mark(buf_span(text)).len);
}

/* Completes the fault of a text that is not JSON. Says what is expected if it has no beginning. */
static int fault_text(const struct reader *r)
{
    const struct span text = buf_span(&r->index->text);
    size_t i = 0;

    while (i < text.len && strchr(" \t\r\n", text.ptr[i]) != NULL && text.ptr[i] != '\0')
        i++;
    if (i < text.len && text.ptr[i] == '{')
        return error_prefix(r->err, "%s", r->path);
    error_prefix(r->err, "%s: not a JSON object, { \"KEY\": \"VALUE\" }", r->path);
    return -1;
}

static int parse(const struct reader *r)
{
    struct json_index *index = r->index;

    skip_mark(&index->text);
    if (json_check(buf_span(&index->text), r->err) == -1)
        return fault_text(r);
    if (json_kind(buf_span(&index->text)) != JSON_OBJECT)
        return error_set(r->err, ERR_CONFIG,
                         "%s: not a JSON object, { \"KEY\": \"VALUE\" }, but another value",
                         r->path);
    if (add_members(r) == -1)
        return -1;
    if (!is_sorted(index))
        qsort_r(index->members, index->count, sizeof(*index->members), compare_members, index);
    return check_unique(r);
}

/* Frees what was reserved and not used. The text is trimmed before members point into it. */
static void trim(struct buf *b)
{
    if (b->len == 0 || b->len == b->cap)
        return;
    b->ptr = xrealloc(b->ptr, b->len);
    b->cap = b->len;
}

struct json_index *json_index_read(const char *path, const struct key_rules *rules,
                                   const atomic_bool *is_cancelled, struct error *err)
{
    static atomic_ulong readings;
    struct json_index *index = xcalloc(1, sizeof(*index));
    const struct reader r = {index, path, rules, is_cancelled, err};
    int status;

    atomic_init(&index->refs, 1);
    index->number = atomic_fetch_add(&readings, 1);
    buf_init(&index->text, FILE_BYTES_MAX);
    buf_init(&index->keys, BUF_LIMITED_BY_INPUT); /* folding makes some keys longer */
    status = read_file(&r);
    if (status == 0) {
        trim(&index->text);
        status = parse(&r);
    }
    if (status == -1)
        json_index_unref(&index, NULL);
    else
        trim(&index->keys);
    return index;
}

/* Freeing */

static bool give_back_some(struct disposable *base)
{
    struct json_index *index = CONTAINER_OF(base, struct json_index, disposable);

    if (disposal_shrink(index->text.ptr, &index->text_bytes) ||
        disposal_shrink(index->keys.ptr, &index->keys_bytes) ||
        disposal_shrink(index->members, &index->members_bytes))
        return true;
    buf_deinit(&index->text);
    buf_deinit(&index->keys);
    free(index->members);
    free(index);
    return false;
}

struct json_index *json_index_ref(struct json_index *index)
{
    atomic_fetch_add(&index->refs, 1);
    return index;
}

void json_index_unref(struct json_index **pindex, struct disposal *disposal)
{
    struct json_index *index = *pindex;

    *pindex = NULL;
    if (index == NULL || atomic_fetch_sub(&index->refs, 1) > 1)
        return;
    index->text_bytes = index->text.cap;
    index->keys_bytes = index->keys.cap;
    index->disposable.give_back_some = give_back_some;
    disposal_add(disposal, &index->disposable);
}

/* Looking up */

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool json_index_is_current(const struct json_index *index, const char *path)
{
    const struct json_identity *old = &index->identity;
    struct stat info;

    return old->is_settled && stat(path, &info) == 0 && info.st_dev == old->device &&
           info.st_ino == old->inode && info.st_size == old->size &&
           is_same_time(info.st_mtim, old->modified) && is_same_time(info.st_ctim, old->changed);
}

bool json_index_is_older(const struct json_index *index, const struct json_index *other)
{
    return index->number < other->number;
}

size_t json_index_count(const struct json_index *index)
{
    return index->count;
}

struct span json_index_key(const struct json_index *index, size_t i)
{
    return member_key(index, &index->members[i]);
}

struct span json_index_value(const struct json_index *index, size_t i)
{
    return index->members[i].value;
}

size_t json_index_find(const struct json_index *index, struct span key)
{
    size_t low = 0;
    size_t high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_spans(key, json_index_key(index, middle)) <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
