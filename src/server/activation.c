#include "activation.h"

#include "podop/buf.h"
#include "podop/mem.h"
#include "podop/systemd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_BYTES_MAX = 300 }; /* of a list of names in a message */

void activation_init(struct activation *activation)
{
    char **names;
    int first;
    int count = systemd_take_descriptors(&first, &names);

    activation->count = (size_t)count;
    activation->sockets = xcalloc(activation->count, sizeof(activation->sockets[0]));
    for (int i = 0; i < count; i++)
        activation->sockets[i] = (struct activated){.fd = first + i, .name = names[i]};
    free((void *)names);
}

void activation_deinit(struct activation *activation)
{
    for (size_t i = 0; i < activation->count; i++) {
        close(activation->sockets[i].fd);
        free(activation->sockets[i].name);
    }
    free(activation->sockets);
    *activation = (struct activation){0};
}

/* Writes "a, b", each name once. Names that do not fit are left out. */
static void list_names(const struct activation *activation, bool unused_only, struct buf *out)
{
    for (size_t i = 0; i < activation->count; i++) {
        const struct activated *one = &activation->sockets[i];
        bool is_skipped = unused_only && one->was_wanted;

        for (size_t j = 0; j < i && !is_skipped; j++)
            is_skipped = strcmp(activation->sockets[j].name, one->name) == 0;
        if (is_skipped || out->len + strlen(one->name) + 2 > NAMES_BYTES_MAX)
            continue;
        if (out->len > 0)
            buf_add(out, SPAN(", "));
        buf_add(out, span_of(one->name));
    }
}

static int fail_unknown(const struct activation *activation, const char *name, struct error *err)
{
    struct buf names;

    if (activation->count == 0)
        return error_set(err, ERR_BIND,
                         "systemd passed no sockets, so none is named '%s': is the socket unit "
                         "with FileDescriptorName=%s started?",
                         name, name);
    buf_init(&names, NAMES_BYTES_MAX);
    list_names(activation, false, &names);
    error_set(err, ERR_BIND, "systemd passed no socket named '%s'; it passed: %.*s", name,
              (int)names.len, names.ptr);
    buf_deinit(&names);
    return -1;
}

static bool is_listening_stream(int fd)
{
    int type, listens;
    socklen_t type_len = sizeof(type), listens_len = sizeof(listens);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len) == 0 && listens != 0;
}

static int prepare(const struct activated *one, struct socket_address *address, struct error *err)
{
    int flags;

    if (!is_listening_stream(one->fd))
        return error_set(err, ERR_BIND,
                         "the socket '%s' that systemd passed is not a listening stream socket: "
                         "expected ListenStream= with Accept=no",
                         one->name);
    flags = fcntl(one->fd, F_GETFL);
    if (flags == -1 || fcntl(one->fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
        socket_address_of_descriptor(address, one->fd, one->name) == -1) {
        error_errno(err, "cannot use the socket '%s' that systemd passed", one->name);
        err->kind = ERR_BIND;
        return -1;
    }
    return 0;
}

int activation_resolve(struct activation *activation, const char *name,
                       struct socket_address *addresses, int max, struct error *err)
{
    int count = 0;

    for (size_t i = 0; i < activation->count && count < max; i++) {
        struct activated *one = &activation->sockets[i];

        if (strcmp(one->name, name) != 0)
            continue;
        if (prepare(one, &addresses[count], err) == -1)
            return -1;
        one->was_wanted = true;
        count++;
    }
    return count > 0 ? count : fail_unknown(activation, name, err);
}

void activation_log_unused(const struct activation *activation, struct log *log)
{
    struct buf names;

    buf_init(&names, NAMES_BYTES_MAX);
    list_names(activation, true, &names);
    if (names.len > 0)
        log_warning(log, "descriptors_unused", LOG_SPAN("names", buf_span(&names)));
    buf_deinit(&names);
}
