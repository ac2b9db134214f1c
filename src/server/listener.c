#include "listener.h"

#include "bind_fault.h"
#include "same_text.h"
#include "socket_acl.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE /* musl has neither the call nor this */
#define RENAME_EXCHANGE (1 << 1)
#endif

enum {
    ACCEPTS_PER_WAKEUP = 64,
    BACKLOG = 65535, /* the kernel limits it to net.core.somaxconn; SOMAXCONN of musl is only 128 */
};

static const double PAUSE_SECONDS = 0.1; /* until the next attempt to accept */

static bool has_file(const struct listener *l)
{
    struct stat info;

    return l->is_unix && !l->is_borrowed && !l->is_hidden && lstat(l->address.text, &info) == 0 &&
           info.st_dev == l->device && info.st_ino == l->inode;
}

/* Returns 0 when the path does not exist, or is a socket on which no process listens; else -1 with
 * err filled. */
static int check_path_free(const struct socket_address *at, struct error *err)
{
    struct stat info;
    int fd, status;

    if (lstat(at->text, &info) == -1)
        return errno == ENOENT ? 0 : bind_errno(err, "cannot examine", at);
    if (!S_ISSOCK(info.st_mode))
        return error_set(err, ERR_BIND, "%s exists and is not a socket: podop does not replace it",
                         at->text);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return bind_errno(err, "socket for", at);
    status = connect(fd, &at->u.sa, at->len);
    if (status == -1 && (errno == ECONNREFUSED || errno == ENOENT))
        status = 0;
    else if (status == -1 && errno == EACCES)
        status = error_set(err, ERR_BIND,
                           "%s belongs to user %u, and podop may not find out whether a process "
                           "answers on it: remove it if none does",
                           at->text, (unsigned)info.st_uid);
    else if (status == -1 && errno != EAGAIN) /* EAGAIN: a process listens, with a full backlog */
        status = bind_errno(err, "cannot find out whether a process answers on", at);
    else
        status = error_set(err, ERR_BIND, "another process answers on %s", at->text);
    close(fd);
    return status;
}

static int set_owner(const char *path, const struct socket_address *at,
                     const struct listen_config *config, struct error *err)
{
    const struct socket_accounts *accounts = &config->accounts;
    const uid_t uid = accounts->has_uid ? accounts->uid : (uid_t)-1;
    const gid_t gid = accounts->has_gid ? accounts->gid : (gid_t)-1;

    if (accounts->failure.text[0] != '\0') {
        *err = accounts->failure;
        return -1;
    }
    /* lchown(), because another user of the directory may have put a symbolic link there. */
    if ((uid == (uid_t)-1 && gid == (gid_t)-1) || lchown(path, uid, gid) == 0)
        return 0;
    if (errno != EPERM)
        return bind_errno(err, "cannot set owner and group of", at);
    if (socket_acl_set(path, config->permissions, uid, gid) == 0)
        return 0;
    error_errno(err, "cannot set owner and group of %s without root, nor grant access by an ACL",
                at->text);
    err->kind = ERR_CONFIG; /* another attempt would fail as well */
    return -1;
}

/* Chooses the temporary name to bind under, in the directory of the path. If the name does not fit
 * into an address, it begins with /proc/self/fd/N, for a descriptor of the directory. */
static int hide(struct listener *l, struct error *err)
{
    const char *path = l->address.text;
    char *name = l->hidden.u.un.sun_path;
    size_t room = sizeof(l->hidden.u.un.sun_path);
    char parent[sizeof(l->hidden.u.un.sun_path)];

    l->hidden = l->address;
    l->hidden_dir = -1;
    snprintf(parent, sizeof(parent), "%.*s/", (int)(strrchr(path, '/') - path), path);
    if (snprintf(name, room, "%s.podop.%d.%d", parent, (int)getpid(), l->fd) < (int)room)
        return 0;
    l->hidden_dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (l->hidden_dir == -1) {
        error_errno(err, "cannot open the directory %s", parent);
        err->kind = ERR_BIND;
        return -1;
    }
    snprintf(name, room, "/proc/self/fd/%d/.podop.%d.%d", l->hidden_dir, (int)getpid(), l->fd);
    return 0;
}

static void unhide(struct listener *l)
{
    l->is_hidden = false;
    if (l->hidden_dir != -1)
        close(l->hidden_dir);
    l->hidden_dir = -1;
}

static int bind_hidden(struct listener *l, struct error *err)
{
    const struct socket_address *at = &l->address;
    const char *path = l->hidden.u.un.sun_path;
    struct stat info;
    mode_t mask;
    int status;

    unlink(path); /* a killed process with the same process id may have left it */
    /* bind() will give the file the permissions of the descriptor. */
    if (fchmod(l->fd, l->service->base.listen->permissions) == -1)
        return bind_errno(err, "cannot set the permissions of", at);
    mask = umask(0);
    status = bind(l->fd, &l->hidden.u.sa, l->hidden.len);
    umask(mask);
    if (status == -1)
        return bind_errno(err, "cannot bind", at);
    if (set_owner(path, at, l->service->base.listen, err) == -1)
        goto fail;
    if (listen(l->fd, BACKLOG) == -1 || lstat(path, &info) == -1) {
        bind_errno(err, "cannot listen on", at);
        goto fail;
    }
    l->device = info.st_dev;
    l->inode = info.st_ino;
    return 0;
fail:
    unlink(path);
    return -1;
}

static int open_unix(struct listener *l, const struct listener *replaced, struct error *err)
{
    if ((replaced == NULL || !has_file(replaced)) && check_path_free(&l->address, err) == -1)
        return -1;
    if (hide(l, err) == -1)
        return -1;
    l->is_hidden = true;
    if (bind_hidden(l, err) == 0)
        return 0;
    unhide(l);
    return -1;
}

/* Sets the options that accepted sockets inherit. */
static void set_client_options(int fd)
{
    const int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int open_inet(struct listener *l, struct error *err)
{
    const struct socket_address *at = &l->address;
    const int on = 1;

    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    set_client_options(l->fd);
    if (at->u.sa.sa_family == AF_INET6) /* [::] must not occupy 0.0.0.0 as well */
        setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(l->fd, &at->u.sa, at->len) == -1)
        return bind_errno(err, "cannot bind", at);
    if (listen(l->fd, BACKLOG) == -1)
        return bind_errno(err, "cannot listen on", at);
    return 0;
}

static bool has_room(const struct listener *l)
{
    return l->clients < l->service->base.listen->max_clients;
}

static void stop_accepting(struct listener *l)
{
    ev_io_stop(l->loop, &l->io);
}

/* Leaves clients in the backlog for a moment. */
static void pause_accepting(struct listener *l, const char *why)
{
    if (rate_limit_allows(&l->pause_limit, clock_now_ms(), LOG_INTERVAL_MS))
        log_warning(l->service->base.log, "accept_paused", LOG_STR("socket", l->address.text),
                    LOG_STR("reason", why));
    stop_accepting(l);
    ev_timer_again(l->loop, &l->pause);
}

/* Returns false when no client waits, or none can be accepted now. */
static bool accept_one(struct listener *l)
{
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd != -1) {
        l->clients++;
        l->accepted++;
        l->accept(l->accept_arg, l, fd);
        if (fd < l->fd_max)
            return true;
        pause_accepting(l, "the remaining descriptors are reserved for backends");
        return false;
    }
    if (errno == EAGAIN)
        return false;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        pause_accepting(l, strerror(errno));
        return false;
    }
    return true; /* that client has disconnected already; another one may wait */
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct listener *l = w->data;

    (void)loop;
    (void)revents;
    for (int i = 0; i < ACCEPTS_PER_WAKEUP && has_room(l); i++) {
        if (!accept_one(l))
            return;
    }
    if (!has_room(l))
        stop_accepting(l);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct listener *l = w->data;

    (void)revents;
    ev_timer_stop(loop, w);
    if (has_room(l))
        ev_io_start(loop, &l->io);
}

static int open_own(struct listener *l, const struct listener *replaced, struct error *err)
{
    l->fd = socket(l->address.u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd == -1)
        return bind_errno(err, "socket for", &l->address);
    if ((l->is_unix ? open_unix(l, replaced, err) : open_inet(l, err)) == 0)
        return 0;
    close(l->fd);
    return -1;
}

int listener_open(struct listener *l, struct ev_loop *loop, const struct socket_address *address,
                  struct listener_service *service, const struct listener *replaced,
                  struct error *err)
{
    *l = (struct listener){.loop = loop, .address = *address, .service = service, .hidden_dir = -1};
    l->is_unix = address->u.sa.sa_family == AF_UNIX;
    l->is_borrowed = address->fd != -1;
    l->fd = address->fd;
    if (!l->is_borrowed && open_own(l, replaced, err) == -1) {
        listener_service_unref(&l->service);
        return -1;
    }
    if (l->is_borrowed && !l->is_unix)
        set_client_options(l->fd);
    ev_io_init(&l->io, on_readable, l->fd, EV_READ);
    ev_init(&l->pause, on_pause_over);
    l->pause.repeat = PAUSE_SECONDS;
    l->io.data = l->pause.data = l;
    return 0;
}

/* Exchanges the files at the path and at the temporary name. Not all file systems can do that. */
static bool swap(const struct listener *l)
{
    return syscall(SYS_renameat2, AT_FDCWD, l->hidden.u.un.sun_path, AT_FDCWD, l->address.text,
                   RENAME_EXCHANGE) == 0;
}

int listener_publish(struct listener *l, struct error *err)
{
    if (!l->is_hidden)
        return 0;
    l->is_swapped = swap(l);
    if (!l->is_swapped && rename(l->hidden.u.un.sun_path, l->address.text) == -1)
        return bind_errno(err, "cannot listen on", &l->address);
    l->is_hidden = false;
    if (!l->is_swapped)
        unhide(l);
    return 0;
}

void listener_settle(struct listener *l)
{
    if (!l->is_swapped)
        return;
    l->is_swapped = false;
    unlink(l->hidden.u.un.sun_path);
    unhide(l);
}

bool listener_fits(const struct listener *l, const struct listen_config *config)
{
    const struct listen_config *now = l->service->base.listen;

    if (l->fd == -1)
        return false;
    return l->is_borrowed || !l->is_unix ||
           (now->permissions == config->permissions && is_same_text(now->owner, config->owner) &&
            is_same_text(now->group, config->group) && has_file(l));
}

/* Accepts clients unless a pause is running or the limit is reached. */
static void accept_again(struct listener *l)
{
    if (l->fd != -1 && !ev_is_active(&l->pause) && has_room(l))
        ev_io_start(l->loop, &l->io);
}

void listener_start(struct listener *l, int fd_max, listener_accept_fn *accept, void *arg)
{
    l->fd_max = fd_max;
    l->accept = accept;
    l->accept_arg = arg;
    accept_again(l);
}

void listener_client_gone(struct listener *l)
{
    l->clients--;
    accept_again(l);
}

void listener_drain(struct listener *l)
{
    const bool is_limited = l->service->base.listen->mode == MODE_HTTP;

    while (!l->is_borrowed && l->fd != -1 && (!is_limited || has_room(l)) && accept_one(l))
        ;
}

void listener_close(struct listener *l)
{
    if (l->fd == -1)
        return;
    stop_accepting(l);
    ev_timer_stop(l->loop, &l->pause);
    if (l->is_hidden || (l->is_swapped && swap(l)))
        unlink(l->hidden.u.un.sun_path);
    else if (has_file(l))
        unlink(l->address.text);
    l->is_swapped = false;
    unhide(l);
    if (!l->is_borrowed)
        close(l->fd);
    l->fd = -1;
}

void listener_free(struct listener **plistener)
{
    struct listener *l = *plistener;

    *plistener = NULL;
    /* A commit of a disconnected client may still have a reference to the service, which must not
     * use the router any more. */
    listener_service_set_router(l->service, NULL);
    listener_service_unref(&l->service);
    free(l);
}
