#include "access.h"

#include "podop/buf.h"
#include "podop/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPORT_BYTES_MAX = 16 * 1024 };

static const struct {
    int mode; /* of access(2) */
    const char *what;
} needs[] = {
    [PATH_READ] = {R_OK, "read"},
    [PATH_RUN] = {X_OK, "run"},
    [PATH_CONNECT] = {W_OK, "connect to"},
    [PATH_MAKE_SOCKETS] = {W_OK | X_OK, "make and remove sockets in"},
};

static void report_denied(const char *origin, const char *who, const char *what, const char *path,
                          const char *why, config_report_fn *report, void *arg)
{
    const char *const parts[] = {origin, ": warning: ", who,  " cannot ", what,
                                 " ",    path,          ": ", why};
    struct buf text;

    buf_init(&text, REPORT_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        buf_add(&text, span_of(parts[i]));
    report(arg, buf_string(&text));
    buf_deinit(&text);
}

/* Writes "user 'podop'" with the configured name, or "user 123" with the current number. */
static void describe_user(const struct config *config, char *out, size_t size)
{
    if (config->user != NULL)
        snprintf(out, size, "user '%s'", config->user);
    else
        snprintf(out, size, "user %u", (unsigned)geteuid());
}

void access_check(const struct config *config, config_report_fn *report, void *arg)
{
    char who[100];

    describe_user(config, who, sizeof(who));
    for (size_t i = 0; i < config->path_count; i++) {
        const struct config_path *p = &config->paths[i];

        /* A missing socket is fine: the service that makes it may start later than podop. */
        if (access(p->path, needs[p->need].mode) == -1 &&
            !(p->need == PATH_CONNECT && errno == ENOENT))
            report_denied(p->origin, who, needs[p->need].what, p->path, strerror(errno), report,
                          arg);
    }
}
