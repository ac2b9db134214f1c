/* The whole server on the modelled kernel: a client asks a json table over a unix socket, and a url
 * table, whose HTTP server is of the world. */
#include "kernel.h"

#include "podop/server.h"

#include <ev.h>

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cmocka needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LOOKUPS = 2000 };

static char directory[64];
static struct server *server;

/* A client that asks for one key after the other, each a while after the answer. */
static struct {
    struct sim_peer *peer;
    struct sim_event ask;
    const char *table, *expected;
    unsigned asked, answered;
} client;

static void ask(void *arg)
{
    char text[100], wire[120];
    const int len = snprintf(text, sizeof(text), "%s k%u", client.table, client.asked % 3);
    const int all = snprintf(wire, sizeof(wire), "%d:%s,", len, text);

    (void)arg;
    client.asked++;
    assert_int_equal(sim_peer_send(client.peer, wire, (size_t)all), all);
}

static size_t take_answer(void *arg, const char *bytes, size_t len)
{
    (void)arg;
    if (bytes[len - 1] != ',')
        return 0;
    assert_int_equal(len, strlen(client.expected));
    assert_memory_equal(bytes, client.expected, len);
    client.answered++;
    if (client.answered == LOOKUPS)
        sim_signal(SIGTERM);
    else
        sim_event_in(&client.ask, 1000000000);
    return len;
}

static void end_of_client(void *arg, enum sim_end how)
{
    (void)arg;
    assert_int_equal(how, SIM_FIN);
    assert_int_equal(client.answered, LOOKUPS);
    sim_peer_close(&client.peer);
}

static const struct sim_peer_ops client_ops = {take_answer, end_of_client, NULL};

/* An HTTP server that says "v" to everything. */
static size_t answer_request(void *arg, const char *bytes, size_t len)
{
    static const char text[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n\"v\"";
    struct sim_peer *peer = arg;

    if (memmem(bytes, len, "\r\n\r\n", 4) == NULL)
        return 0;
    assert_int_equal(sim_peer_send(peer, text, sizeof(text) - 1), sizeof(text) - 1);
    return len;
}

static void end_of_request(void *arg, enum sim_end how)
{
    struct sim_peer *peer = arg;

    (void)how;
    sim_peer_close(&peer);
}

static const struct sim_peer_ops http_ops = {answer_request, end_of_request, NULL};

static bool connected(void *arg, struct sim_peer *peer)
{
    (void)arg;
    sim_peer_set(peer, &http_ops, peer);
    return true;
}

/* podop */

static void report(void *arg, const char *fault)
{
    (void)arg;
    fail_msg("%s", fault);
}

static void on_stop(struct ev_loop *loop, ev_signal *w, int revents)
{
    (void)loop;
    (void)w;
    (void)revents;
    server_stop(server);
}

static void write_files(void)
{
    char path[PATH_MAX], text[1000];

    snprintf(directory, sizeof(directory), "/tmp/podop-sim-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/table.json", directory);
    sim_file_write(path, "{\"k0\": \"a\", \"k1\": \"a\", \"k2\": \"a\"}", SIM_IN_PLACE);
    snprintf(path, sizeof(path), "%s/podop.conf", directory);
    snprintf(
        text, sizeof(text),
        "listen = ( { socket = \"%s/s\"; } );\n"
        "tables = ( { name = \"j\"; type = \"json\"; param = \"%s/table.json\"; },\n"
        "           { name = \"u\"; type = \"url\"; param = \"http://127.0.0.1:80/%%s\"; } );\n",
        directory, directory);
    sim_file_write(path, text, SIM_IN_PLACE);
}

static void remove_files(void)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/table.json", directory);
    unlink(path);
    snprintf(path, sizeof(path), "%s/podop.conf", directory);
    unlink(path);
    rmdir(directory);
}

static void start_client(const char *table, const char *expected)
{
    char path[PATH_MAX];

    client.table = table;
    client.expected = expected;
    client.asked = client.answered = 0;
    snprintf(path, sizeof(path), "%s/s", directory);
    client.peer = sim_connect(path, &client_ops, NULL, (struct sim_route){0});
    assert_non_null(client.peer);
    sim_event_init(&client.ask, ask, NULL);
    sim_event_in(&client.ask, 1000);
}

static void serve(const char *table, const char *expected)
{
    char path[PATH_MAX];
    struct config_source source = {.file = path};
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct error err = {0};
    ev_signal stop;

    assert_non_null(loop);
    snprintf(path, sizeof(path), "%s/podop.conf", directory);
    server = server_new(loop, &source, report, NULL, &err);
    if (server == NULL)
        fail_msg("%s", err.text);
    ev_signal_init(&stop, on_stop, SIGTERM);
    ev_signal_start(loop, &stop);
    start_client(table, expected);
    server_run(server);
    ev_signal_stop(loop, &stop);
    server_free(&server);
    ev_loop_destroy(loop);
    assert_int_equal(client.answered, LOOKUPS);
    assert_null(client.peer);
}

static void test_lookups(void **state)
{
    struct sim_server *http = sim_serve("127.0.0.1:80", connected, NULL);
    const int64_t began_ns = sim_now();

    (void)state;
    write_files();
    serve("j", "4:OK a,");
    assert_true(sim_now() - began_ns > (LOOKUPS - 1) * INT64_C(1000000000));
    serve("u", "4:OK v,");
    sim_server_stop(&http);
    remove_files();
    assert_int_equal(sim_usage().descriptors, 0);
    assert_int_equal(sim_usage().threads, 0);
}

/* Runs this program once more, which serves lookups with failures of calls, and prints the hash of
 * the transcript. */
static void run_apart(unsigned seed, char hash[32])
{
    char command[100];
    FILE *out;

    snprintf(command, sizeof(command), "/proc/%d/exe hash %u", (int)getpid(), seed);
    out = popen(command, "r");
    assert_non_null(out);
    assert_non_null(fgets(hash, 32, out));
    assert_int_equal(pclose(out), 0);
}

static void test_a_seed_repeats_itself(void **state)
{
    char first[32], again[32], other[32];

    (void)state;
    run_apart(5, first);
    run_apart(5, again);
    run_apart(6, other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
}

static int print_hash(const char *seed)
{
    struct sim_server *http;

    sim_begin(strtoull(seed, NULL, 10));
    sim_call_faults((struct sim_call_faults){.would_block = 0.05,
                                             .interrupted = 0.02,
                                             .short_count = 0.2,
                                             .spurious = 0.05,
                                             .late_thread = 0.3});
    http = sim_serve("127.0.0.1:80", connected, NULL);
    write_files();
    serve("j", "4:OK a,");
    serve("u", "4:OK v,");
    sim_server_stop(&http);
    remove_files();
    printf("%016" PRIx64 "\n", sim_transcript_hash());
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest apart[] = {cmocka_unit_test(test_a_seed_repeats_itself)};
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lookups)};
    int failures;

    if (argc == 3)
        return print_hash(argv[2]);
    failures = cmocka_run_group_tests(apart, NULL, NULL); /* on the real kernel */
    sim_trace_keep(true);
    sim_begin(1);
    return failures + cmocka_run_group_tests(tests, NULL, NULL);
}
