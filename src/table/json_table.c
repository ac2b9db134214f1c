/* json_table.c - tables in a file that holds one JSON object, read when the table is opened. */
#include "table_type.h"

#include "podop/json_value.h"
#include "podop/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 256 * 1024 * 1024 };

struct entry {
    size_t key_at, key_len; /* in keys */
    struct span value;      /* in text, JSON */
};

struct json_table {
    struct table base;
    struct buf text;       /* the file */
    struct buf keys;       /* decoded, one behind the other */
    struct entry *entries; /* sorted by key */
    size_t count;
};

struct json_iteration {
    struct table_iteration base;
    bool is_started;
    size_t at; /* the entry that is next */
};

static struct json_table *json_table_of(struct table *table)
{
    return CONTAINER_OF(table, struct json_table, base);
}

static int read_all(struct buf *text, int fd, const char *path, struct error *err)
{
    struct stat info;

    if (fstat(fd, &info) == -1)
        return error_errno(err, "%s", path);
    if (!S_ISREG(info.st_mode))
        return error_set(err, ERR_CONFIG, "%s: not a regular file", path);
    for (;;) {
        char *to = buf_reserve(text, 64 * 1024);
        ssize_t n;

        if (to == NULL)
            return error_set(err, ERR_LIMIT, "%s: larger than %d bytes", path, FILE_BYTES_MAX);
        n = read(fd, to, 64 * 1024);
        if (n == -1 && errno != EINTR)
            return error_errno(err, "%s", path);
        if (n == 0)
            return 0;
        if (n > 0)
            text->len += (size_t)n;
    }
}

static int read_file(struct buf *text, const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int status;

    if (fd == -1)
        return error_errno(err, "%s", path);
    status = read_all(text, fd, path, err);
    close(fd);
    return status;
}

static struct span entry_key(const struct json_table *t, const struct entry *e)
{
    return e->key_len == 0 ? SPAN("") : (struct span){t->keys.ptr + e->key_at, e->key_len};
}

static int compare_spans(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_entries(const void *a, const void *b, void *table)
{
    return compare_spans(entry_key(table, a), entry_key(table, b));
}

static int check_unique(const struct json_table *t, const char *path, struct error *err)
{
    for (size_t i = 1; i < t->count; i++) {
        struct span key = entry_key(t, &t->entries[i]);

        if (span_equal(key, entry_key(t, &t->entries[i - 1])))
            return error_set(err, ERR_CONFIG, "%s: key \"%.*s\" is there twice", path,
                             key.len < 200 ? (int)key.len : 200, key.ptr);
    }
    return 0;
}

static int parse(struct json_table *t, const char *path, struct error *err)
{
    struct json_cursor cursor;
    struct span name, value;
    size_t room = 0;

    if (json_check(buf_span(&t->text), err) == -1)
        return error_prefix(err, "%s", path);
    if (json_kind(buf_span(&t->text)) != JSON_OBJECT)
        return error_set(err, ERR_CONFIG, "%s: not a JSON object at line 1, column 1", path);
    cursor = json_walk(buf_span(&t->text));
    while (json_next(&cursor, &name, &value)) {
        struct entry *e;

        if (t->count == room) {
            room = room == 0 ? 64 : room * 2;
            t->entries = xreallocarray(t->entries, room, sizeof(*t->entries));
        }
        e = &t->entries[t->count++];
        *e = (struct entry){.key_at = t->keys.len, .value = value};
        json_add_text(&t->keys, name);
        e->key_len = t->keys.len - e->key_at;
    }
    if (t->count > 0)
        qsort_r(t->entries, t->count, sizeof(*t->entries), compare_entries, t);
    return check_unique(t, path, err);
}

static void json_table_close(struct table *table)
{
    struct json_table *t = json_table_of(table);

    buf_deinit(&t->text);
    buf_deinit(&t->keys);
    free(t->entries);
    free(t);
}

static struct table *json_table_open(const struct table_config *config, const struct table_env *env,
                                     struct error *err)
{
    struct json_table *t = xcalloc(1, sizeof(*t));

    (void)env;
    buf_init(&t->text, FILE_BYTES_MAX);
    buf_init(&t->keys, FILE_BYTES_MAX);
    if (read_file(&t->text, config->param, err) == -1 || parse(t, config->param, err) == -1) {
        json_table_close(&t->base);
        return NULL;
    }
    return &t->base;
}

/* The first entry whose key is not below this one. */
static size_t find_first(const struct json_table *t, struct span key)
{
    size_t low = 0;
    size_t high = t->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_spans(key, entry_key(t, &t->entries[middle])) <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static const struct entry *find(const struct json_table *t, struct span key)
{
    size_t at = find_first(t, key);

    return at < t->count && span_equal(entry_key(t, &t->entries[at]), key) ? &t->entries[at] : NULL;
}

static void json_table_start(struct fetch *fetch)
{
    const struct json_table *t = json_table_of(fetch->table);
    struct reply reply = {.status = REPLY_MISS};
    const struct entry *e;
    struct buf key, scratch;

    buf_init(&key, SIZE_MAX);
    buf_init(&scratch, SIZE_MAX);
    buf_add(&key, fetch->key.key);
    if (fetch->key.is_private) {
        buf_add_char(&key, '/');
        buf_add(&key, fetch->key.user);
    }
    e = find(t, buf_span(&key));
    if (e != NULL)
        json_reply(e->value, &scratch, &reply);
    fetch_finish(fetch, &reply);
    buf_deinit(&key);
    buf_deinit(&scratch);
}

/* What stands between path and, for a private one, "/USER"; false: key is not below path. */
static bool name_below(const struct table_key *path, struct span key, struct span *name)
{
    size_t tail = path->is_private ? path->user.len + 1 : 0;
    size_t end = key.len;

    if (key.len <= path->key.len + tail)
        return false;
    if (path->is_private) {
        end -= tail;
        if (key.ptr[end] != '/' || !span_equal(span_skip(key, end + 1), path->user))
            return false;
    }
    *name = (struct span){key.ptr + path->key.len, end - path->key.len};
    return true;
}

static void json_table_go_on(struct table_iteration *base)
{
    struct json_iteration *it = CONTAINER_OF(base, struct json_iteration, base);
    const struct json_table *t = json_table_of(base->table);
    bool is_wanted = true;

    if (!it->is_started) {
        it->is_started = true;
        it->at = find_first(t, base->path.key);
    }
    while (is_wanted && it->at < t->count &&
           span_starts_with(entry_key(t, &t->entries[it->at]), base->path.key)) {
        const struct entry *e = &t->entries[it->at];
        struct reply reply;
        struct buf scratch;
        struct span name;

        if (base->is_paused)
            return;
        it->at++;
        buf_init(&scratch, SIZE_MAX);
        json_reply(e->value, &scratch, &reply);
        if (reply.status == REPLY_FOUND && name_below(&base->path, entry_key(t, e), &name))
            is_wanted = iteration_row(base, name, reply.dict_value);
        buf_deinit(&scratch);
    }
    iteration_finish(base, &(struct reply){.status = REPLY_FOUND});
}

const struct table_ops table_json = {
    .type = "json",
    .fetch_bytes = sizeof(struct fetch),
    .open = json_table_open,
    .close = json_table_close,
    .start = json_table_start,
    .iteration_bytes = sizeof(struct json_iteration),
    .go_on = json_table_go_on,
};
