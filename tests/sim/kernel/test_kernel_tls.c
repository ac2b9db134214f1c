/* The same small programs on libcurl and OpenSSL with a real server, and then on the model of both:
 * they must see the same. tls_peer.py is the real server. */
#include "kernel.h"
#include "tls_record.h"

#include "backend/http/http_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
    PATIENCE_MS = 20000,
    MODEL_PORT = 4433,
    SEED_EOF_FAILS = 1, /* enum tls_library is TLS_OPENSSL_3 */
    SEED_EOF_IS_HIDDEN = 5,
};

static char directory[] = "/tmp/podop-kernel-tls-XXXXXX";
static struct buf seen; /* what the programs note, a line each */

static __attribute__((format(printf, 1, 2))) void note(const char *format, ...)
{
    char line[300];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    buf_add(&seen, (struct span){line, (size_t)len});
    buf_add(&seen, SPAN("\n"));
}

/* The server */

struct server {
    unsigned port;
    struct span ca; /* of its certificate */
    void (*begin)(const char *command);
    void (*end)(void); /* waits until it has obeyed */
};

static const struct server *server;

static void obey(const char *command)
{
    server->begin(command);
    server->end();
}

/* The real one */

static FILE *to_server, *from_server;
static pid_t server_pid;

static void real_begin(const char *command)
{
    fprintf(to_server, "%s\n", command);
    fflush(to_server);
}

static void real_end(void)
{
    char line[20];

    if (fgets(line, sizeof(line), from_server) == NULL)
        fail_msg("the server has ended");
}

/* Reads the certificate of the server. */
static const char *read_certificate(void)
{
    static char text[10000];
    char path[200];
    FILE *file;

    snprintf(path, sizeof(path), "%s/cert.pem", directory);
    file = fopen(path, "r");
    if (file == NULL || fread(text, 1, sizeof(text) - 1, file) == 0)
        fail_msg("cannot read %s", path);
    fclose(file);
    return text;
}

/* Returns false when there is no Python or no openssl. */
static bool start_real(struct server *real)
{
    int in[2], out[2];
    char line[20];

    if (pipe(in) == -1 || pipe(out) == -1)
        fail_msg("%s", strerror(errno));
    server_pid = fork();
    if (server_pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        close(out[0]);
        execl(SIM_PYTHON, SIM_PYTHON, "-B", SIM_TLS_PEER, directory, (char *)NULL);
        _exit(1);
    }
    close(in[0]);
    close(out[1]);
    to_server = fdopen(in[1], "w");
    from_server = fdopen(out[0], "r");
    if (fgets(line, sizeof(line), from_server) == NULL)
        return false;
    *real = (struct server){(unsigned)strtoul(line, NULL, 10), span_of(read_certificate()),
                            real_begin, real_end};
    return true;
}

static void stop_real(void)
{
    fclose(to_server);
    fclose(from_server);
    waitpid(server_pid, NULL, 0);
}

/* The modelled one */

static struct sim_peer *peer;
static struct buf to_client, kept; /* records */
static size_t wanted;              /* bytes that are to be read */
static bool hangs_up, is_shaken;

static void send_all(struct buf *bytes, size_t len)
{
    assert_int_equal(sim_peer_send(peer, bytes->ptr, len), len);
    buf_drop(bytes, len);
}

static void add(enum tls_record_type type, const char *text)
{
    tls_record_add(&to_client, type, span_of(text));
}

static void take_record(const struct tls_record *record)
{
    if (tls_record_is(record, TLS_HANDSHAKE, TLS_CLIENT_HELLO)) {
        add(TLS_HANDSHAKE, TLS_CERTIFICATE "localhost own-authority valid 1");
        add(TLS_HANDSHAKE, TLS_SERVER_DONE);
    } else if (tls_record_is(record, TLS_HANDSHAKE, TLS_FINISHED)) {
        add(TLS_HANDSHAKE, TLS_TICKET);
        add(TLS_HANDSHAKE, TLS_TICKET);
        is_shaken = true;
    } else if (record->type == TLS_DATA) {
        wanted -= record->payload.len < wanted ? record->payload.len : wanted;
    }
    send_all(&to_client, to_client.len);
}

static size_t on_data(void *arg, const char *bytes, size_t len)
{
    struct span rest = {bytes, len};
    size_t n;

    (void)arg;
    if (hangs_up) {
        sim_peer_close(&peer);
        return len;
    }
    while (tls_record_len(rest) <= rest.len) {
        const struct tls_record record = tls_record_parse(rest);

        n = tls_record_len(rest);
        take_record(&record);
        rest = span_skip(rest, n);
    }
    return len - rest.len;
}

static void on_end(void *arg, enum sim_end how)
{
    (void)arg;
    (void)how;
    sim_peer_close(&peer);
}

static bool on_connected(void *arg, struct sim_peer *connected)
{
    static const struct sim_peer_ops ops = {on_data, on_end, NULL};

    (void)arg;
    peer = connected;
    sim_peer_set(peer, &ops, NULL);
    return true;
}

static void add_data(struct buf *to, size_t len)
{
    static char bytes[TLS_PAYLOAD_BYTES_MAX];

    memset(bytes, 'x', sizeof(bytes));
    tls_record_add(to, TLS_DATA, (struct span){bytes, len});
}

static void send_records(const char *sizes)
{
    char *end = NULL;

    for (; *sizes != '\0'; sizes = end)
        add_data(&to_client, strtoul(sizes, &end, 10));
    send_all(&to_client, to_client.len);
}

static void model_begin(const char *command)
{
    const char *argument = command + strcspn(command, " ");

    hangs_up = strcmp(command, "hang-up") == 0;
    if (strcmp(command, "accept") == 0) {
        is_shaken = false;
    } else if (strncmp(command, "send", 4) == 0) {
        send_records(argument);
    } else if (strncmp(command, "part", 4) == 0) {
        add_data(&kept, strtoul(argument, NULL, 10));
        send_all(&kept, 7);
    } else if (strcmp(command, "rest") == 0) {
        send_all(&kept, kept.len);
    } else if (strncmp(command, "read", 4) == 0) {
        wanted += strtoul(argument, NULL, 10);
        sim_peer_hold(peer, false);
    } else if (strcmp(command, "notify") == 0) {
        add(TLS_ALERT, TLS_CLOSE_NOTIFY);
        send_all(&to_client, to_client.len);
    } else if (strcmp(command, "fin") == 0) {
        sim_peer_shut(peer);
    } else if (strcmp(command, "reset") == 0) {
        sim_peer_reset(&peer);
    }
}

/* Lets time pass, so that what was sent arrives. */
static void model_end(void)
{
    poll(&(struct pollfd){.fd = 1000, .events = 0}, 1, 1);
}

/* The client, as podop's http_handshake.c is */

static struct {
    CURL *easy;
    CURLM *multi;
    struct curl_slist *anywhere;
    int fd, what;
    long timer_ms; /* -1: libcurl wants no call */
    char error[CURL_ERROR_SIZE];
} client;

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    (void)arg;
    (void)purpose;
    (void)to;
    return client.fd;
}

static int is_connected_already(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)arg;
    (void)fd;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)easy;
    (void)fd;
    (void)arg;
    (void)socket_arg;
    client.what = what;
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    (void)arg;
    client.timer_ms = ms;
    return 0;
}

static void await(short events)
{
    poll(&(struct pollfd){.fd = client.fd, .events = events}, 1, PATIENCE_MS);
}

static void connect_socket(void)
{
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_addr = {htonl(INADDR_LOOPBACK)},
                                   .sin_port = htons((uint16_t)server->port)};

    client.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    connect(client.fd, (const struct sockaddr *)&at, sizeof(at));
    await(POLLOUT);
}

static void set_options(CURLU *url, const struct http_tls *tls)
{
    curl_easy_setopt(client.easy, CURLOPT_CURLU, url);
    curl_easy_setopt(client.easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(client.easy, CURLOPT_CONNECT_TO, client.anywhere);
    curl_easy_setopt(client.easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client.easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(client.easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(client.easy, CURLOPT_SOCKOPTFUNCTION, is_connected_already);
    curl_easy_setopt(client.easy, CURLOPT_ERRORBUFFER, client.error);
    http_tls_set(client.easy, tls);
    curl_multi_setopt(client.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client.multi, CURLMOPT_TIMERFUNCTION, on_timer);
}

/* Waits for what libcurl waits for, and calls it. */
static void step(void)
{
    const int what = client.what;
    struct pollfd p = {.fd = client.fd,
                       .events = (short)(((what & CURL_POLL_IN) != 0 ? POLLIN : 0) |
                                         ((what & CURL_POLL_OUT) != 0 ? POLLOUT : 0))};
    const bool is_due = client.timer_ms >= 0 && client.timer_ms < PATIENCE_MS;
    int running;

    if (poll(&p, what == 0 ? 0 : 1, is_due ? (int)client.timer_ms : PATIENCE_MS) > 0)
        curl_multi_socket_action(client.multi, client.fd,
                                 ((p.revents & POLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                                     ((p.revents & POLLOUT) != 0 ? CURL_CSELECT_OUT : 0),
                                 &running);
    else
        curl_multi_socket_action(client.multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static CURLcode shake(void)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client.multi, &left)) == NULL)
        step();
    return message->data.result;
}

static const char *name_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_OK: return "ok";
    case CURLE_AGAIN: return "again";
    case CURLE_SSL_CONNECT_ERROR: return "no handshake";
    case CURLE_PEER_FAILED_VERIFICATION: return "not verified";
    case CURLE_RECV_ERROR: return "receiving fails";
    case CURLE_SEND_ERROR: return "sending fails";
    default: return curl_easy_strerror(code);
    }
}

static void connect_tls(const char *host, struct span ca)
{
    struct http_tls tls = {.ca = ca};
    CURLU *url = curl_url();
    char text[100];

    snprintf(text, sizeof(text), "https://%s:%u/", host, server->port);
    curl_url_set(url, CURLUPART_URL, text, 0);
    client.anywhere = curl_slist_append(NULL, "::127.0.0.1:");
    client.easy = curl_easy_init();
    client.multi = curl_multi_init();
    client.error[0] = '\0';
    client.what = 0;
    client.timer_ms = 0;
    connect_socket();
    set_options(url, &tls);
    curl_multi_add_handle(client.multi, client.easy);
    note("handshake: %s", name_of(shake()));
    curl_url_cleanup(url);
}

static void disconnect(void)
{
    curl_multi_remove_handle(client.multi, client.easy);
    curl_easy_cleanup(client.easy);
    curl_multi_cleanup(client.multi);
    curl_slist_free_all(client.anywhere);
}

static const char *waits(void)
{
    static const char *const names[] = {"", " for bytes", " for room"};

    return names[http_tls_waits(client.easy)];
}

static void receive(size_t max)
{
    char bytes[40000];
    size_t n = 0;
    CURLcode code;

    errno = 0;
    code = curl_easy_recv(client.easy, bytes, max, &n);
    if (code == CURLE_RECV_ERROR)
        note("receive: %s, %s", name_of(code), errno == ECONNRESET ? "reset" : "no errno");
    else
        note("receive %zu: %s%s, %zu bytes, ended well: %d", max, name_of(code),
             code == CURLE_AGAIN ? waits() : "", n, http_tls_has_ended_well(client.easy));
}

static void note_readable(void)
{
    struct pollfd p = {.fd = client.fd, .events = POLLIN};

    note("readable: %d", poll(&p, 1, 0));
}

/* With its tickets read, the connection is silent. */
static void begin(void)
{
    server->begin("accept");
    connect_tls("localhost", server->ca);
    server->end();
    await(POLLIN);
    receive(1);
    note_readable();
}

/* Programs */

static void read_a_record_in_parts(void)
{
    begin();
    obey("send 100");
    await(POLLIN);
    receive(10);
    note_readable();
    receive(1000);
    receive(1000);
    disconnect();
}

static void read_a_record_that_is_cut(void)
{
    begin();
    obey("part 100");
    await(POLLIN);
    receive(1000);
    receive(1000);
    obey("rest");
    await(POLLIN);
    receive(1000);
    receive(1000);
    disconnect();
}

static void read_two_records(void)
{
    begin();
    obey("send 16384 5");
    await(POLLIN);
    usleep(1000);
    receive(40000);
    receive(40000);
    receive(40000);
    disconnect();
}

static void read_the_end(void)
{
    begin();
    obey("send 3");
    obey("notify");
    obey("fin");
    await(POLLIN);
    usleep(1000);
    receive(1000);
    receive(1000);
    receive(1000);
    disconnect();
}

static void read_an_end_without_notice(void)
{
    begin();
    obey("send 3");
    obey("fin");
    await(POLLIN);
    usleep(1000);
    receive(1000);
    receive(1000);
    disconnect();
}

static void read_an_end_within_a_record(void)
{
    begin();
    obey("part 100");
    obey("fin");
    await(POLLIN);
    usleep(1000);
    receive(1000);
    disconnect();
}

static void read_a_reset(void)
{
    begin();
    obey("send 3");
    await(POLLIN);
    receive(1000);
    obey("reset");
    await(POLLIN);
    receive(1000);
    disconnect();
}

static void write_until_it_blocks(void)
{
    static char bytes[TLS_PAYLOAD_BYTES_MAX];
    char command[40];
    size_t n, all = 0;
    CURLcode code;

    begin();
    if (peer != NULL)
        sim_peer_hold(peer, true);
    while ((code = curl_easy_send(client.easy, bytes, sizeof(bytes), &n)) == CURLE_OK)
        all += n;
    note("send: %s%s, %zu bytes", name_of(code), waits(), n);
    receive(10);
    code = curl_easy_send(client.easy, bytes, sizeof(bytes), &n);
    note("send: %s, %zu bytes", name_of(code), n);
    snprintf(command, sizeof(command), "read %zu", all);
    obey(command);
    await(POLLOUT);
    while ((code = curl_easy_send(client.easy, bytes, sizeof(bytes), &n)) == CURLE_AGAIN)
        await(POLLOUT);
    note("send: %s, %zu bytes", name_of(code), n);
    disconnect();
}

static void refuse_a_certificate(void)
{
    server->begin("accept");
    connect_tls("elsewhere.example", server->ca);
    disconnect();
    server->end();
}

static void connect_to_a_server_that_hangs_up(void)
{
    server->begin("hang-up");
    connect_tls("localhost", server->ca);
    disconnect();
    server->end();
}

static void (*const programs[])(void) = {
    read_a_record_in_parts,
    read_a_record_that_is_cut,
    read_two_records,
    read_the_end,
    read_an_end_without_notice,
    read_an_end_within_a_record,
    read_a_reset,
    write_until_it_blocks,
    refuse_a_certificate,
    connect_to_a_server_that_hangs_up,
};

static char *run_programs(const struct server *on)
{
    char *text;

    server = on;
    buf_init(&seen, SIZE_MAX);
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        note("program %zu", i);
        programs[i]();
    }
    text = strdup(buf_string(&seen));
    buf_deinit(&seen);
    return text;
}

static void test_programs(void **state)
{
    const struct server model = {MODEL_PORT, SPAN("-----BEGIN CERTIFICATE-----\nown-authority\n"),
                                 model_begin, model_end};
    struct server real;
    char *expected, *modelled;

    (void)state;
    assert_non_null(mkdtemp(directory));
    if (!start_real(&real))
        skip();
    expected = run_programs(&real);
    stop_real();
    sim_begin(strstr(expected, "receiving fails, no errno") != NULL ? SEED_EOF_FAILS
                                                                    : SEED_EOF_IS_HIDDEN);
    buf_init(&to_client, SIZE_MAX);
    buf_init(&kept, SIZE_MAX);
    sim_serve("127.0.0.1:4433", on_connected, NULL);
    modelled = run_programs(&model);
    assert_int_equal(sim_usage().descriptors, 0);
    assert_string_equal(modelled, expected);
    free(expected);
    free(modelled);
    buf_deinit(&to_client);
    buf_deinit(&kept);
}

static int remove_directory(void **state)
{
    char path[100];

    (void)state;
    snprintf(path, sizeof(path), "%s/cert.pem", directory);
    unlink(path);
    snprintf(path, sizeof(path), "%s/key.pem", directory);
    unlink(path);
    rmdir(directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_programs, remove_directory)};

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
