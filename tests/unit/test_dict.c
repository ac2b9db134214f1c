#include "dict_case.h"

#include <sys/mman.h>
#include <unistd.h>

static void test_dict_claims(void **state)
{
    (void)state;
    assert_ptr_equal(protocol_find(MODE_AUTO, 'H'), &protocol_dict);
    assert_ptr_equal(protocol_find(MODE_DOVECOT, 'H'), &protocol_dict);
    assert_null(protocol_find(MODE_POSTFIX, 'H'));
    assert_null(protocol_find(MODE_DOVECOT, '1'));
    assert_null(protocol_find(MODE_AUTO, 'L'));
}

static void test_dict_hello(void **state)
{
    static const struct {
        const char *line;
        bool is_good;
    } cases[] = {
        {HELLO_20, true},
        {HELLO_22, true},
        {HELLO_32, true},
        {HELLO_40, true},
        {"H2\t0\t1\t\tmeta\n", true},
        {"H4\t0\t0\t\tmeta\tmore\n", true},
        {"H4\t0\t0\t\tmeta\r\n", true},
        {"H3\t2\t0\t\t\n", true},
        {"H1\t0\t0\t\tmeta\n", false},
        {"H5\t0\t0\t\tmeta\n", false},
        {"H\n", false},
        {"H4\t0\t0\tmeta\n", false},
        {"H4\t0\t2\t\tmeta\n", false},
        {"H4\tx\t0\t\tmeta\n", false},
        {"Hx\t0\t0\t\tmeta\n", false},
        {"H2\t0\t0\ta\1"
         "0b\tmeta\n",
         false},
        {HELLO_40 HELLO_40, false},
        {"Lshared/a\n", false},
        {"\n", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake_peer peer;

        open_peer(&peer, cases[i].line);
        if (peer.is_bad == cases[i].is_good)
            fail_msg("case %zu", i);
        assert_int_equal(peer.out.len, 0); /* a hello gets no reply */
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

static void test_dict_bad_lines(void **state)
{
    static const char *const lines[] = {"\n",
                                        "X1\n",
                                        "h\n",
                                        "B\n",
                                        "Bx\n",
                                        "B-1\n",
                                        "B4294967296\n",
                                        "C\n",
                                        "S\tshared/a\tb\n",
                                        "Ix\t0\tshared/a\n",
                                        "I0\tx\tshared/a\n",
                                        "B1\nB1\n",
                                        "B1\t\tx\n",
                                        "2:ab,\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct fake_peer peer;

        open_peer(&peer, HELLO_40 "Lshared/first\tbob\n");
        send_lines(&peer, lines[i]);
        if (!peer.is_bad)
            fail_msg("case %zu", i);
        end_lookup(0);
        assert_out(&peer, "Ofirst\n"); /* the pending reply is still sent */
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

static void test_dict_user(void **state)
{
    static const struct {
        const char *lines, *user;
    } cases[] = {
        {"H2\t0\t0\teve@x\tmeta\nLpriv/a\n", "eve@x"},
        {"H2\t2\t0\teve@x\tmeta\nLpriv/a\tbob\n", "eve@x"},
        {"H3\t2\t0\teve@x\tmeta\nLpriv/a\tbob\n", "bob"},
        {"H4\t0\t0\teve@x\tmeta\nLpriv/a\tb\1t b\textra\n", "b\t b"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake_peer peer;

        open_peer(&peer, cases[i].lines);
        assert_int_equal(meta.waiting_count, 1);
        assert_true(meta.waiting[0]->key.is_private);
        assert_true(span_equal(meta.waiting[0]->key.key, SPAN("a")));
        assert_true(span_equal(meta.waiting[0]->key.user, span_of(cases[i].user)));
        end_all(OLDEST_FIRST);
        assert_out(&peer, "Oa\n");
        fake_peer_close(&peer);
    }
}

static void test_dict_refused_keys(void **state)
{
    static const char *const lines[] = {"La\tbob\n",   "L\tbob\n",        "Lpriv/a\t\n",
                                        "Lpriv/a\n",   "I0\t0\ta\tbob\n", "I0\t0\tpriv/a/\n",
                                        "I0\t0\t\t\n", "I0\t0\n",         "I\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct fake_peer peer;

        open_peer(&peer, HELLO_40);
        send_lines(&peer, lines[i]);
        assert_false(peer.is_bad);
        assert_int_equal(meta.started, 0);
        assert_true(peer.out.len > 2 && *peer.out.ptr == 'F');
        assert_int_equal(peer.out.ptr[peer.out.len - 1], '\n');
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

static void test_dict_unknown_table(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, "H4\t0\t0\t\tno\1tne\n");
    send_lines(&peer, "Lshared/a\tbob\nI0\t0\tshared/a/\tbob\nB1\tbob\nS1\tshared/a\tb\nC1\n");
    assert_out(&peer, "Fno such table: no\1tne\nFno such table: no\1tne\n"
                      "F1\tno such table: no\1tne\n");
    fake_peer_close(&peer);
}

/* A session keeps its table until the next reload. */
static void test_dict_finds_its_table_anew(void **state)
{
    static const struct fake_tables empty = {.count = 0};
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_22);
    send_lines(&peer, "Lshared/a\n");
    end_all(OLDEST_FIRST);
    assert_out(&peer, "Oa\n");
    fake_peer_reload(&peer, &empty);
    send_lines(&peer, "Lshared/a\n");
    assert_out(&peer, "Fno such table: meta\n");
    fake_peer_reload(&peer, &tables);
    send_lines(&peer, "Lshared/a\n");
    end_all(OLDEST_FIRST);
    assert_out(&peer, "Oa\n");
    fake_peer_close(&peer);
}

/* "requests" in the statistics is the sum over all sessions. */
static void test_dict_counts_each_pending_request_once(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "Lshared/a\nLshared/b\nB1\nS1\tshared/c\t1\nC1\n"
                              "B2\nS2\tshared/d\t1\nD2\n");
    assert_int_equal(pending(&peer), 4);
    end_lookup(1); /* its reply is buffered: it is still pending */
    assert_int_equal(pending(&peer), 4);
    end_lookup(0);
    assert_int_equal(pending(&peer), 2);
    end_all(OLDEST_FIRST);
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

static void test_dict_lookups(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    send_lines(&peer, "Lshared/miss\tbob\n");
    end_all(OLDEST_FIRST);
    assert_out(&peer, "N\n");
    send_lines(&peer, "Lshared/down\tbob\n");
    end_all(OLDEST_FIRST);
    assert_out(&peer, "Fit is down\n");
    send_lines(&peer, "Lshared/a\1tb\tbob\n");
    assert_true(span_equal(meta.waiting[0]->key.key, SPAN("a\tb")));
    end_all(OLDEST_FIRST);
    assert_out(&peer, "Oa\1tb\n");
    send_lines(&peer, "Lshared/nul\tbob\n");
    end_all(OLDEST_FIRST);
    assert_int_equal(*peer.out.ptr, 'F');
    assert_true(peer.wakes >= 4);
    fake_peer_close(&peer);
}

static void test_dict_line_limit(void **state)
{
    static const struct {
        size_t max_request, longest;
    } cases[] = {{0, 1024 * 1024}, {100, 100}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t over = 0; over < 2; over++) {
            size_t len = cases[i].longest + over;
            char *line = xmalloc(len + 1);
            struct fake_peer peer;

            memset(line, 'k', len);
            memcpy(line, "Lshared/", 8);
            line[len] = '\n';
            fake_peer_open(&peer, &protocol_dict, &tables);
            peer.listen.max_request = cases[i].max_request;
            send_lines(&peer, HELLO_40);
            fake_peer_send(&peer, (struct span){line, len});
            assert_int_equal(peer.is_bad, over);
            fake_peer_send(&peer, SPAN("\n"));
            assert_int_equal(meta.waiting_count, !over);
            fake_peer_close(&peer);
            free(line);
        }
    }
}

/* Input with every command, cut at every byte: the replies stay the same. */
static void test_dict_cut_anywhere(void **state)
{
    static const struct span wires[] = {
        TEXT(HELLO_20 "Lshared/a\nLpriv/miss\nB1\nS1\tshared/a\tx y \nU1\tpriv/b\nA1\tshared/c\t5\n"
                      "C1\nLshared/a\nI0\tshared/a/\nI16\tpriv/down\nB2\nR2\nC2\nLx\n"),
        TEXT(HELLO_32 "Lshared/a\1t\tbob\nLpriv/miss\tbob\r\nB1\tbob\nS1\tshared/a\t\nC1\n"
                      "I9\t0\tshared/a/\tbob\nLshared/a\tbob\nI1\t2\tpriv/\tbob\nT1\t1\t1\nC9\n"),
        TEXT(HELLO_40 "B1\tbob\t0\nS1\tpriv/a\tv\nB2\teve\t5\nU2\tpriv/a\nC1\nC2\n"
                      "Lpriv/a\tbob\nLpriv/a\teve\nI0\t0\tpriv/\tbob\n"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wires); i++) {
        struct fake_peer whole;

        fake_peer_open(&whole, &protocol_dict, &tables);
        fake_peer_send(&whole, wires[i]);
        end_all(OLDEST_FIRST);
        assert_false(whole.is_bad);
        assert_true(whole.out.len > 0);
        for (size_t cut = 0; cut <= wires[i].len; cut++) {
            struct fake_peer peer;

            fake_peer_open(&peer, &protocol_dict, &tables);
            fake_peer_send(&peer, (struct span){wires[i].ptr, cut});
            fake_peer_send(&peer, span_skip(wires[i], cut));
            assert_int_equal(peer.in.len, 0);
            end_all(OLDEST_FIRST);
            assert_true(span_equal(buf_span(&peer.out), buf_span(&whole.out)));
            assert_int_equal(pending(&peer), 0);
            fake_peer_close(&peer);

            fake_peer_open(&peer, &protocol_dict, &tables); /* a client that closes at this byte */
            fake_peer_send(&peer, (struct span){wires[i].ptr, cut});
            fake_peer_close(&peer);
            end_all(NEWEST_FIRST);
        }
        fake_peer_close(&whole);
    }
}

static bool has_line(const char *text, const char *event, const char *fields)
{
    char line[200];

    snprintf(line, sizeof(line), "level=debug event=%s conn=17 proto=dict table=meta %s", event,
             fields);
    return strstr(text, line) != NULL;
}

/* At level debug each request is logged, at info none. */
static void test_dict_log(void **state)
{
    const int saved = dup(STDERR_FILENO), file = memfd_create("log", MFD_CLOEXEC);
    char text[4096] = "";
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    dup2(file, STDERR_FILENO);
    for (unsigned level = LOG_LEVEL_INFO; level <= LOG_LEVEL_DEBUG; level++) {
        peer.log.level = (enum log_level)level;
        send_lines(&peer, "Lpriv/a\tbob\nI0\t0\tshared/b/\tbob\nB1\teve\nS1\tshared/c\t1\nC1\n");
        end_all(OLDEST_FIRST);
    }
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
    close(file);
    if (!has_line(text, "lookup", "user=bob key=priv/a status=found cache=off ms=") ||
        !has_line(text, "iterate", "user=bob key=shared/b/ status=found reason=") ||
        !has_line(text, "commit", "user=eve key=c changes=1 status=found reason="))
        fail_msg("%s", text);
    assert_int_equal(strncmp(text, "level=debug ", 12), 0);
    fake_peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dict_claims),
        WITH_TABLE(test_dict_hello),
        WITH_TABLE(test_dict_bad_lines),
        WITH_TABLE(test_dict_user),
        WITH_TABLE(test_dict_refused_keys),
        WITH_TABLE(test_dict_unknown_table),
        WITH_TABLE(test_dict_finds_its_table_anew),
        WITH_TABLE(test_dict_counts_each_pending_request_once),
        WITH_TABLE(test_dict_lookups),
        WITH_TABLE(test_dict_line_limit),
        WITH_TABLE(test_dict_cut_anywhere),
        WITH_TABLE(test_dict_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
