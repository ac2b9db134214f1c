#include "checked_config.h"

#include "fuzz.h"

#include "podop/socket_address.h"
#include "podop/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 3, NAME_BYTES = 64 };

static char folder[] = "/tmp/podop-fuzz-XXXXXX";
static char files[FILES_MAX][NAME_BYTES]; /* their paths; empty: none */
static unsigned long lines[FILES_MAX];    /* of each file, the empty one at its end included */

static void remove_all(void)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        unlink(files[i]);
    rmdir(folder);
}

/* Returns the number of a file, which is a new one if there is none with that name. */
static size_t number_of(const char *name)
{
    char path[NAME_BYTES];
    size_t i = 0;

    if (files[0][0] == '\0') {
        PROMISE(mkdtemp(folder) != NULL);
        atexit(remove_all);
    }
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    while (files[i][0] != '\0' && strcmp(files[i], path) != 0) {
        i++;
        PROMISE(i < FILES_MAX);
    }
    snprintf(files[i], sizeof(files[i]), "%s", path);
    return i;
}

static unsigned long count_lines(struct span text)
{
    unsigned long count = 1;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

const char *checked_config_write(const char *name, struct span text)
{
    const size_t number = number_of(name);
    const int fd = open(files[number], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    PROMISE(fd != -1);
    lines[number] = count_lines(text);
    while (text.len > 0) {
        const ssize_t n = write(fd, text.ptr, text.len);

        PROMISE(n > 0);
        text = span_skip(text, (size_t)n);
    }
    close(fd);
    return files[number];
}

/* Checks that the line of an origin in one of the files exists. */
static void check_origin(const char *text)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        const size_t len = strlen(files[i]);
        char *end;

        if (len == 0 || strncmp(text, files[i], len) != 0 || text[len] != ':' ||
            text[len + 1] == ' ')
            continue;
        PROMISE(strtoul(text + len + 1, &end, 10) - 1 < lines[i]);
        PROMISE(end[0] == ':' && end[1] == ' ');
    }
}

/* Checks that a text is one line, and begins with an origin. */
static void check_line(const char *text)
{
    const char *colon = strstr(text, ": ");

    for (const char *at = text; *at != '\0'; at++)
        PROMISE((unsigned char)*at >= ' ' && *at != 0x7f);
    PROMISE(colon != NULL && colon > text && colon[2] != '\0');
    check_origin(text);
}

static void on_fault(void *arg, const char *text)
{
    unsigned *count = arg;

    check_line(text);
    ++*count;
}

static int check_listen(const struct listen_config *listen, struct error *err)
{
    return socket_address_check(listen->socket, err);
}

struct config *checked_config_load(const struct config_source *source)
{
    static const struct config_checks checks = {.listen = check_listen};
    struct config_source complete = *source;
    struct config *config;
    unsigned faults = 0;

    complete.types = &table_types;
    complete.checks = &checks;
    config = config_load(&complete, on_fault, &faults);
    PROMISE((config == NULL) == (faults > 0));
    if (config == NULL)
        return NULL;
    for (size_t i = 0; i < config->warnings.count; i++) {
        check_line(config->warnings.items[i]);
        PROMISE(strstr(config->warnings.items[i], ": warning: ") != NULL);
    }
    for (size_t i = 0; i < config->table_count; i++)
        PROMISE(config->tables[i].name[0] != '\0' && config->tables[i].kind != NULL);
    return config;
}

static void same_listen(const struct listen_config *a, const struct listen_config *b)
{
    PROMISE(strcmp(a->socket, b->socket) == 0 && a->mode == b->mode);
    PROMISE(a->permissions == b->permissions && a->max_clients == b->max_clients);
    PROMISE(a->tables.count == b->tables.count && a->max_request == b->max_request);
}

void checked_config_same(const struct config *a, const struct config *b)
{
    PROMISE((a == NULL) == (b == NULL));
    if (a == NULL)
        return;
    PROMISE(a->table_count == b->table_count && a->listen_count == b->listen_count);
    PROMISE(a->log_level == b->log_level && a->shutdown_timeout_ms == b->shutdown_timeout_ms);
    PROMISE(a->pool.max_connections == b->pool.max_connections);
    for (size_t i = 0; i < a->table_count; i++)
        PROMISE(table_config_equal(&a->tables[i], &b->tables[i]));
    for (size_t i = 0; i < a->listen_count; i++)
        same_listen(&a->listen[i], &b->listen[i]);
}
