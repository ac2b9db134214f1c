/* podopctl.c - the administrator's client: asks a running podop just as Postfix would, so that what
 * it prints is what Postfix gets. */
#include "podop/address.h"
#include "podop/buf.h"
#include "podop/mem.h"
#include "podop/netstring.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

enum { EXIT_MISS = 1, EXIT_USAGE = 64, EXIT_FAILED = 75 };

enum {
    ADDRESSES_MAX = 16,
    REPLY_BYTES_MAX = 64 * 1024 * 1024, /* whatever max_reply says there */
    WAIT_SECONDS = 100,                 /* as long as Postfix would */
};

static const char default_socket[] = "/run/podop/podop.sock";

static const char help[] =
    "Usage: podopctl get TABLE KEY [--socket ADDR]\n"
    "Ask a running podop as Postfix would, and print what it answers.\n"
    "\n"
    "  -s, --socket ADDR   ask there: /path, unix:/path, HOST:PORT, inet:HOST:PORT\n"
    "                      (default: /run/podop/podop.sock)\n"
    "  -V, --version       print the version\n"
    "  -h, --help          print this\n"
    "\n"
    "Exit status: 0 found, 1 no such key, 64 wrong usage, 75 the lookup failed.\n";

static int connect_one(const struct address *at)
{
    const struct timeval wait = {.tv_sec = WAIT_SECONDS};
    int fd = socket(at->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd == -1)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(fd, &at->u.sa, at->len) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_to(const char *where, struct error *err)
{
    struct address at[ADDRESSES_MAX];
    int count = address_resolve(where, at, ADDRESSES_MAX, err);

    if (count == -1)
        return -1;
    for (int i = 0; i < count; i++) {
        int fd = connect_one(&at[i]);

        if (fd != -1)
            return fd;
    }
    return error_errno(err, "cannot connect to podop on %s", where);
}

static int send_all(int fd, struct span bytes, struct error *err)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n == -1 && errno != EINTR)
            return error_errno(err, "cannot send the request");
        if (n > 0)
            bytes = span_skip(bytes, (size_t)n);
    }
    return 0;
}

/* One reply; *payload points into in. */
static int receive(int fd, struct buf *in, struct span *payload, struct error *err)
{
    for (;;) {
        size_t used;
        char *to;
        ssize_t n;

        switch (netstring_parse(buf_span(in), REPLY_BYTES_MAX, payload, &used)) {
        case PARSE_DONE: return 0;
        case PARSE_BAD: return error_set(err, ERR_INPUT, "what answers there is no podop");
        case PARSE_MORE: break;
        }
        to = buf_reserve(in, 64 * 1024);
        if (to == NULL)
            return error_set(err, ERR_LIMIT, "the reply is too long");
        n = read(fd, to, 64 * 1024);
        if (n == 0)
            return error_set(err, ERR_INPUT, "podop closed the connection without an answer");
        if (n == -1 && errno == EAGAIN)
            return error_set(err, ERR_SYSTEM, "no answer within %d s", WAIT_SECONDS);
        if (n == -1 && errno != EINTR)
            return error_errno(err, "cannot read the answer");
        if (n > 0)
            in->len += (size_t)n;
    }
}

static int ask(const char *where, struct span request, struct buf *in, struct span *reply,
               struct error *err)
{
    int fd = connect_to(where, err);
    int status;

    if (fd == -1)
        return -1;
    status = send_all(fd, request, err);
    if (status == 0)
        status = receive(fd, in, reply, err);
    close(fd);
    return status;
}

/* Prints a reply's text and returns what to exit with. */
static int tell(struct span reply)
{
    if (span_starts_with(reply, SPAN("OK "))) {
        fwrite(reply.ptr + 3, 1, reply.len - 3, stdout);
        putchar('\n');
        return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
    }
    if (span_starts_with(reply, SPAN("NOTFOUND")))
        return EXIT_MISS;
    fprintf(stderr, "podopctl: %.*s\n", (int)reply.len, reply.ptr);
    return EXIT_FAILED;
}

static int get(const char *where, const char *table, const char *key)
{
    struct error err = {0};
    struct span reply;
    struct buf request, payload, in;
    int status = EXIT_FAILED;

    buf_init(&payload, SIZE_MAX);
    buf_init(&request, SIZE_MAX);
    buf_init(&in, (size_t)REPLY_BYTES_MAX + 128 * 1024);
    buf_add(&payload, span_of(table));
    buf_add_char(&payload, ' ');
    buf_add(&payload, span_of(key));
    netstring_add(&request, buf_span(&payload), SPAN(""));
    if (ask(where, buf_span(&request), &in, &reply, &err) == 0)
        status = tell(reply);
    else
        fprintf(stderr, "podopctl: %s\n", err.text);
    buf_deinit(&payload);
    buf_deinit(&request);
    buf_deinit(&in);
    return status;
}

static int usage(const char *what)
{
    fprintf(stderr, "podopctl: %s\nTry 'podopctl --help'.\n", what);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *where = default_socket;
    struct error err = {0};
    int option;

    signal(SIGPIPE, SIG_IGN);
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":s:Vh", options, NULL)) != -1) {
        switch (option) {
        case 's': where = optarg; break;
        case 'V': printf("podopctl %s\n", PODOP_VERSION); return 0;
        case 'h': fputs(help, stdout); return 0;
        case ':': return usage("--socket needs an address");
        default: return usage("there is no such option");
        }
    }
    if (optind == argc || strcmp(argv[optind], "get") != 0)
        return usage("what to do? There is: get");
    if (argc - optind != 3)
        return usage("get takes a table and a key");
    if (strchr(argv[optind + 1], ' ') != NULL)
        return usage("a table's name holds no blank");
    if (address_check(where, &err) == -1)
        return usage(err.text);
    return get(where, argv[optind + 1], argv[optind + 2]);
}
