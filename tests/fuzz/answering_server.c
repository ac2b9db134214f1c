#include "answering_server.h"

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/podop-fuzz-XXXXXX";
static char socket_path[sizeof(folder) + 2];

static void remove_socket(void)
{
    unlink(socket_path);
    rmdir(folder);
}

void server_open(struct answering_server *s)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    PROMISE(mkdtemp(folder) != NULL);
    snprintf(socket_path, sizeof(socket_path), "%s/s", folder);
    snprintf(s->path, sizeof(s->path), "%s", socket_path);
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", socket_path);
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    PROMISE(bind(s->fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    PROMISE(listen(s->fd, 16) == 0);
    atexit(remove_socket);
    s->asked = -1;
}

static void accept_all(struct answering_server *s)
{
    int fd;

    while ((fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
        PROMISE(s->count < SERVER_CONNECTIONS_MAX);
        s->connections[s->count++] = fd;
        s->accepted++;
    }
}

void server_close(struct answering_server *s, int connection)
{
    size_t i = 0;

    while (i < s->count && s->connections[i] != connection)
        i++;
    if (i == s->count)
        return;
    close(connection);
    s->count--;
    for (; i < s->count; i++)
        s->connections[i] = s->connections[i + 1];
    if (s->asked == connection)
        s->asked = -1;
}

void server_close_all(struct answering_server *s)
{
    while (s->count > 0)
        server_close(s, s->connections[0]);
}

/* Reads up to max bytes. Returns whether a request begins with the first of them. */
static bool read_request(struct answering_server *s, int connection, size_t max)
{
    char bytes[65536];
    bool is_request = false;
    ssize_t n = 1;

    for (size_t got = 0; got < max && n > 0; got += (size_t)n) {
        const size_t left = max - got;

        n = recv(connection, bytes, left < sizeof(bytes) ? left : sizeof(bytes), 0);
        if (n == 0)
            server_close(s, connection);
        if (n <= 0)
            break;
        is_request |= got == 0 && bytes[0] != '\0';
    }
    return is_request && n != 0;
}

void server_look(struct answering_server *s, size_t max)
{
    accept_all(s);
    for (size_t i = s->count; i-- > 0;) {
        const int connection = s->connections[i];

        if (read_request(s, connection, max))
            s->asked = connection;
    }
}

int server_take(struct answering_server *s)
{
    const int connection = s->asked;

    s->asked = -1;
    return connection;
}

void server_say(int connection, struct span bytes)
{
    while (bytes.len > 0) {
        const ssize_t n = send(connection, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n <= 0)
            return;
        bytes = span_skip(bytes, (size_t)n);
    }
}
