#include "unit.h"

#include "podop/clock.h"
#include "podop/deadline.h"

#include "fake_peer.h"
#include "fake_table.h"

#include <ev.h>

#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

enum {
    WAITING_MAX = 128,
    REPLY_QUEUE_SLOTS_MAX = 64,
    OUT_BYTES_MAX = 256 * 1024,
    BIG_BYTES = 90000
};

static struct ev_loop *loop;
static struct fake_table meta;
static struct commits commits;
static struct fake_tables tables = {{&meta}, 1};
static struct commit *writing[WAITING_MAX]; /* oldest first */
static size_t writing_count;
static struct table_iteration *walking[WAITING_MAX];
static size_t walking_count;

static void fake_commit(struct commit *commit)
{
    assert_true(writing_count < WAITING_MAX);
    writing[writing_count++] = commit;
}

static void fake_go_on(struct table_iteration *it)
{
    for (size_t i = 0; i < walking_count; i++) {
        if (walking[i] == it)
            return; /* after a pause */
    }
    assert_true(walking_count < WAITING_MAX);
    walking[walking_count++] = it;
}

static void fake_stop(struct table_iteration *it)
{
    for (size_t i = 0; i < walking_count; i++) {
        if (walking[i] == it) {
            walking_count--;
            memmove(&walking[i], &walking[i + 1], (walking_count - i) * sizeof(walking[0]));
            return;
        }
    }
}

static void run(void)
{
    for (int i = 0; i < 3; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

static void end_commit(size_t n, enum reply_status status)
{
    struct commit *commit = writing[n];

    assert_true(n < writing_count);
    writing_count--;
    memmove(&writing[n], &writing[n + 1], (writing_count - n) * sizeof(writing[0]));
    commit_finish(commit, &(struct reply){.status = status, .reason = SPAN("so it is")});
}

static void row(size_t n, const char *name, const char *value)
{
    assert_true(n < walking_count);
    assert_true(iteration_row(walking[n], span_of(name), span_of(value)));
}

static void end_iteration(size_t n, enum reply_status status)
{
    assert_true(n < walking_count);
    iteration_finish(walking[n], &(struct reply){.status = status, .reason = SPAN("so it is")});
}

/* The loop begins iterations in any order. */
static size_t walk_of(const char *path)
{
    size_t n = 0;

    while (n < walking_count && !span_equal(walking[n]->path.key, span_of(path)))
        n++;
    return n;
}

static struct reply reply_of(struct span key)
{
    if (span_starts_with(key, SPAN("miss")))
        return (struct reply){.status = REPLY_MISS};
    if (span_starts_with(key, SPAN("down")))
        return (struct reply){.status = REPLY_TEMPORARY, .reason = SPAN("it is down")};
    if (span_starts_with(key, SPAN("nul")))
        return fake_found(SPAN("a\0b"));
    return fake_found(key);
}

static void end_lookup(size_t n)
{
    struct reply reply = reply_of(meta.waiting[n]->key.key);

    fake_table_answer(&meta, n, &reply);
}

enum order { OLDEST_FIRST, NEWEST_FIRST };

/* Until nothing is under way: whatever the order, all that may depend on it is waited for. */
static void end_all(enum order order)
{
    do {
        run();
        while (meta.waiting_count > 0)
            end_lookup(order == OLDEST_FIRST ? 0 : meta.waiting_count - 1);
        if (writing_count > 0)
            end_commit(order == OLDEST_FIRST ? 0 : writing_count - 1, REPLY_FOUND);
        if (walking_count > 0) {
            row(0, "n", "v");
            end_iteration(0, REPLY_FOUND);
        }
        run();
    } while (meta.waiting_count + writing_count + walking_count > 0);
}

static bool big_at_once(struct span key, struct reply *reply)
{
    static char value[BIG_BYTES];

    (void)key;
    memset(value, 'v', sizeof(value));
    *reply = fake_found((struct span){value, sizeof(value)});
    return true;
}

static int setup(void **state)
{
    static const struct table_config config = {.timeout_ms = 1000000};

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(loop);
    fake_table_open(&meta, "meta", &config, loop);
    commits = (struct commits){.first = NULL};
    meta.table->env.commits = &commits;
    meta.ops.commit = fake_commit;
    meta.ops.commit_bytes = sizeof(struct commit);
    meta.ops.iteration_bytes = sizeof(struct table_iteration);
    meta.ops.go_on = fake_go_on;
    meta.ops.stop = fake_stop;
    tables.count = 1;
    return 0;
}

static int teardown(void **state)
{
    bool is_closed = false;

    (void)state;
    assert_int_equal(writing_count + walking_count + meta.waiting_count, 0);
    assert_null(commits.first);
    meta.is_closed = &is_closed;
    fake_table_close(&meta);
    assert_true(is_closed); /* nobody has kept a reference */
    service_clock_release(loop);
    ev_loop_destroy(loop);
    return 0;
}

#define HELLO_20 "H2\t0\t0\tbob\tmeta\n"
#define HELLO_22 "H2\t2\t0\tbob\tmeta\n"
#define HELLO_32 "H3\t2\t0\t\tmeta\n"
#define HELLO_40 "H4\t0\t0\t\tmeta\n"

static void open_peer(struct fake_peer *peer, const char *hello)
{
    fake_peer_open(peer, &protocol_dict, &tables);
    fake_peer_send(peer, span_of(hello));
}

static void tell(struct fake_peer *peer, const char *lines)
{
    fake_peer_send(peer, span_of(lines));
}

/* All that the peer was sent since it was last looked at. */
static void assert_out(struct fake_peer *peer, const char *expected)
{
    if (!span_equal(buf_span(&peer->out), span_of(expected)))
        fail_msg("'%.*s' instead of '%s'", (int)peer->out.len, peer->out.ptr, expected);
    buf_clear(&peer->out);
}

static size_t pending(const struct fake_peer *peer)
{
    return protocol_dict.pending(peer->session);
}

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
        assert_int_equal(peer.out.len, 0); /* never a word to a hello */
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
        tell(&peer, lines[i]);
        if (!peer.is_bad)
            fail_msg("case %zu", i);
        end_lookup(0);
        assert_out(&peer, "Ofirst\n"); /* what is owed is answered */
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
        tell(&peer, lines[i]);
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
    tell(&peer, "Lshared/a\tbob\nI0\t0\tshared/a/\tbob\nB1\tbob\nS1\tshared/a\tb\nC1\n");
    assert_out(&peer, "Fno such table: no\1tne\nFno such table: no\1tne\n"
                      "F1\tno such table: no\1tne\n");
    fake_peer_close(&peer);
}

/* A table is remembered, but not beyond a reload. */
static void test_dict_finds_its_table_anew(void **state)
{
    static const struct fake_tables empty = {.count = 0};
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_22);
    tell(&peer, "Lshared/a\n");
    end_all(OLDEST_FIRST);
    assert_out(&peer, "Oa\n");
    fake_peer_reload(&peer, &empty);
    tell(&peer, "Lshared/a\n");
    assert_out(&peer, "Fno such table: meta\n");
    fake_peer_reload(&peer, &tables);
    tell(&peer, "Lshared/a\n");
    end_all(OLDEST_FIRST);
    assert_out(&peer, "Oa\n");
    fake_peer_close(&peer);
}

static void test_dict_lookups(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    tell(&peer, "Lshared/miss\tbob\n");
    end_all(OLDEST_FIRST);
    assert_out(&peer, "N\n");
    tell(&peer, "Lshared/down\tbob\n");
    end_all(OLDEST_FIRST);
    assert_out(&peer, "Fit is down\n");
    tell(&peer, "Lshared/a\1tb\tbob\n");
    assert_true(span_equal(meta.waiting[0]->key.key, SPAN("a\tb")));
    end_all(OLDEST_FIRST);
    assert_out(&peer, "Oa\1tb\n");
    tell(&peer, "Lshared/nul\tbob\n");
    end_all(OLDEST_FIRST);
    assert_int_equal(*peer.out.ptr, 'F');
    assert_true(peer.wakes >= 4);
    fake_peer_close(&peer);
}

static void test_dict_in_order_without_ids(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20);
    tell(&peer, "Lshared/a\nLshared/b\nB1\nS1\tshared/c\td\nC1\nLshared/e\n");
    assert_int_equal(meta.waiting_count, 3);
    end_lookup(2);
    run();
    end_commit(0, REPLY_FOUND);
    end_lookup(1);
    assert_out(&peer, "");
    end_lookup(0);
    assert_out(&peer, "Oa\nOb\nO1\nOe\n");
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

static void test_dict_overtaking_with_ids(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    tell(&peer, "Lshared/a\tu\nLshared/b\tu\nB1\tu\nS1\tshared/c\td\nC1\nLshared/e\tu\n");
    end_lookup(1);
    assert_out(&peer, "*1\n*2\n+2\tOb\n");
    end_lookup(1);
    assert_out(&peer, "*3\n*4\n+4\tOe\n");
    end_lookup(0);
    assert_out(&peer, "+1\tOa\n");
    run();
    end_commit(0, REPLY_UNCERTAIN);
    assert_out(&peer, "+3\tW1\tso it is\n");
    tell(&peer, "Lshared/f\tu\n");
    end_lookup(0);
    assert_out(&peer, "Of\n"); /* nobody was overtaken: no id is needed */
    fake_peer_close(&peer);
}

static bool at_once(struct span key, struct reply *reply)
{
    if (!span_starts_with(key, SPAN("now")))
        return false;
    *reply = fake_found(key);
    return true;
}

/* What is known at once leaves in its turn all the same: before the loop runs when nobody is owed
 * before, and behind a write of its key when there is one. */
static void test_dict_known_at_once(void **state)
{
    static const struct {
        const char *lines, *at_once, *later;
    } cases[] = {
        {HELLO_20 "Lshared/now1\nLshared/now2\n", "Onow1\nOnow2\n", ""},
        {HELLO_40 "Lshared/now1\tu\nLshared/a\tu\nLshared/now2\tu\n", "Onow1\n*1\n*2\n+2\tOnow2\n",
         "+1\tOa\n"},
        {HELLO_20 "Lshared/a\nLshared/now1\nLshared/now2\n", "", "Oa\nOnow1\nOnow2\n"},
        {HELLO_20 "B1\nS1\tshared/now1\tx\nC1\nLshared/now1\nLshared/now2\n", "",
         "O1\nOnow1\nOnow2\n"},
        {HELLO_40 "B1\tu\nS1\tshared/now1\tx\nC1\nLshared/now1\tu\nLshared/now1\tu\n", "",
         "O1\nOnow1\nOnow1\n"},
        {HELLO_22 "I16\t0\tshared/now1\tshared/a\tshared/now2\nLshared/now3\n",
         "*1\n+1\tOshared/now1\tnow1\n*2\n+2\tOnow3\n",
         "+1\tOshared/a\ta\n+1\tOshared/now2\tnow2\n+1\t\n"},
        {HELLO_20 "I16\tshared/now1\nI24\tshared/now2\n",
         "Oshared/now1\tnow1\n\nOshared/now2\t\n\n", ""},
    };

    (void)state;
    meta.answers_at_once = at_once;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake_peer peer;

        open_peer(&peer, cases[i].lines);
        assert_out(&peer, cases[i].at_once);
        end_all(OLDEST_FIRST);
        assert_out(&peer, cases[i].later);
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

static uintptr_t stack_low, stack_high;

static bool at_once_where(struct span key, struct reply *reply)
{
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    stack_low = here < stack_low ? here : stack_low;
    stack_high = here > stack_high ? here : stack_high;
    return at_once(key, reply);
}

/* What is answered at once while others are parked behind it is a loop, not a chain of calls. */
static void test_dict_known_at_once_does_not_nest(void **state)
{
    enum { ITERATIONS = 63, PATHS = 15, STACK_BYTES_MAX = 16384 };
    struct fake_peer peer;

    (void)state;
    meta.answers_at_once = at_once_where;
    open_peer(&peer, HELLO_22 "B1\nS1\tshared/now\tx\nC1\n");
    for (int i = 0; i < ITERATIONS; i++) {
        tell(&peer, "I16\t0");
        for (int j = 0; j < PATHS - 1; j++)
            tell(&peer, "\tshared/now");
        tell(&peer, "\n");
    }
    stack_low = UINTPTR_MAX;
    stack_high = 0;
    end_all(OLDEST_FIRST);
    assert_int_equal(pending(&peer), 0);
    assert_in_range(stack_high - stack_low, 0, STACK_BYTES_MAX);
    fake_peer_close(&peer);
}

static void test_dict_iteration(void **state)
{
    static const struct {
        const char *lines, *begin, *end;
    } cases[] = {
        {HELLO_20 "I1\tshared/a/\n", "", "\n"},
        {HELLO_22 "I1\t0\tshared/a/\n", "+1\t", "+1\t\n"},
        {HELLO_32 "I1\t0\tshared/a/\tu\n", "+1\t", "+1\t\n"},
        {HELLO_40 "I33\t0\tshared/a/\tu\n", "+1\t", "+1\t\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char expected[100];
        struct fake_peer peer;

        open_peer(&peer, cases[i].lines);
        run();
        assert_int_equal(walking_count, 1);
        assert_true(span_equal(walking[0]->path.key, SPAN("a/")));
        assert_true(walking[0]->options.recurse);
        assert_false(walking[0]->options.no_values);
        buf_clear(&peer.out); /* an id */
        row(0, "b/c", "1\t2");
        row(0, "d", "");
        snprintf(expected, sizeof(expected), "%sOshared/a/b/c\t1\1t2\n%sOshared/a/d\t\n",
                 cases[i].begin, cases[i].begin);
        assert_out(&peer, expected);
        end_iteration(0, REPLY_FOUND);
        assert_out(&peer, cases[i].end);
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

static void test_dict_iteration_options(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_32 "I8\t18446744073709551615\tpriv/x/\tu\n");
    run();
    assert_false(walking[0]->options.recurse);
    assert_true(walking[0]->options.no_values);
    assert_true(walking[0]->options.max_rows == UINT64_MAX);
    assert_true(walking[0]->path.is_private);
    assert_true(span_equal(walking[0]->path.user, SPAN("u")));
    row(0, "a", "value");
    row(0, "b/c", "value"); /* not below it alone */
    end_iteration(0, REPLY_TEMPORARY);
    assert_out(&peer, "*1\n+1\tOpriv/x/a\t\n+1\tFso it is\n");
    fake_peer_close(&peer);
}

static void test_dict_exact_key(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "I16\tshared/a\nI24\tshared/a\nI16\tshared/miss\nI16\tshared/down\n");
    end_all(OLDEST_FIRST);
    assert_out(&peer, "Oshared/a\ta\n\nOshared/a\t\n\n\nFit is down\n");
    fake_peer_close(&peer);
}

/* Dovecot cuts a value at its NUL: that is no value. */
static void test_dict_exact_key_with_nul(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "I16\tshared/nul\n");
    end_all(OLDEST_FIRST);
    assert_int_equal(*peer.out.ptr, 'F');
    assert_null(memmem(peer.out.ptr, peer.out.len,
                       "\1"
                       "0",
                       2));
    fake_peer_close(&peer);
}

/* Rows cannot wait: an iteration without an id begins when it is its turn. */
static void test_dict_iterations_without_ids_wait(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "Lshared/a\nI0\tshared/b/\nLshared/c\nI0\tshared/d/\n");
    run();
    assert_int_equal(walking_count, 0);
    end_lookup(1);
    end_lookup(0);
    run();
    assert_int_equal(walking_count, 1);
    row(0, "x", "1");
    assert_out(&peer, "Oa\nOshared/b/x\t1\n");
    end_iteration(0, REPLY_FOUND);
    assert_out(&peer, "\nOc\n");
    run();
    assert_int_equal(walking_count, 1);
    end_iteration(0, REPLY_FOUND);
    assert_out(&peer, "\n");
    fake_peer_close(&peer);
}

static void test_dict_iterations_with_ids_mix(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40 "Lshared/a\tu\nI0\t0\tshared/b/\tu\nI0\t0\tshared/c/\tu\n");
    assert_out(&peer, "*1\n*2\n*3\n");
    run();
    assert_int_equal(walking_count, 2);
    row(walk_of("c/"), "x", "1");
    row(walk_of("b/"), "y", "2");
    end_iteration(walk_of("c/"), REPLY_FOUND);
    end_lookup(0);
    end_iteration(walk_of("b/"), REPLY_FOUND);
    assert_out(&peer, "+3\tOshared/c/x\t1\n+2\tOshared/b/y\t2\n+3\t\n+1\tOa\n+2\t\n");
    fake_peer_close(&peer);
}

static void test_dict_transaction(void **state)
{
    static const char *const hellos[] = {HELLO_20, HELLO_22, HELLO_32, HELLO_40};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hellos); i++) {
        const struct transaction *t;
        struct fake_peer peer;

        open_peer(&peer, hellos[i]);
        tell(&peer, "B5\tbob\t60\nT5\t12\t34\nV5\t1\nS5\tpriv/a\tx\1ty\nU5\tshared/b\n");
        run();
        assert_int_equal(writing_count, 0); /* nothing before its C */
        tell(&peer, "A5\tpriv/c\t-580\nC5\n");
        assert_int_equal(writing_count, 1);
        t = writing[0]->transaction;
        assert_string_equal(t->user, "bob");
        assert_int_equal(t->expire_s, i == 3 ? 60 : 0);
        assert_true(t->has_timestamp);
        assert_int_equal(t->timestamp_s, 12);
        assert_int_equal(t->timestamp_ns, 34);
        assert_int_equal(t->count, 3);
        assert_int_equal(t->changes[0].kind, CHANGE_SET);
        assert_true(t->changes[0].key.is_private);
        assert_true(span_equal(t->changes[0].key.user, SPAN("bob")));
        assert_true(span_equal(t->changes[0].value, SPAN("x\ty")));
        assert_int_equal(t->changes[1].kind, CHANGE_UNSET);
        assert_false(t->changes[1].key.is_private);
        assert_true(span_equal(t->changes[1].key.key, SPAN("b")));
        assert_int_equal(t->changes[2].kind, CHANGE_INCREMENT);
        assert_int_equal(t->changes[2].increment, -580);
        end_commit(0, REPLY_FOUND);
        assert_out(&peer, "O5\n");
        tell(&peer, "C5\n"); /* it is gone, and its id free again */
        assert_out(&peer, "F5\tunknown transaction\n");
        tell(&peer, "B5\tbob\nR5\nB5\tbob\nC5\n");
        assert_int_equal(writing_count, 1);
        assert_int_equal(writing[0]->transaction->count, 0);
        end_commit(0, REPLY_MISS);
        assert_out(&peer, "N5\n");
        tell(&peer, "S9\tshared/a\tb\nU9\tshared/a\nA9\tshared/a\t1\nT9\t1\t1\nV9\t1\nR9\n");
        assert_false(peer.is_bad);
        assert_out(&peer, "");
        fake_peer_close(&peer);
    }
}

static void test_dict_transactions_interleave(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    tell(&peer, "B5\tbob\nS5\tpriv/a\t1\nB6\tbob\nS6\tshared/a\t2\nLshared/x\tbob\n"
                "S5\tpriv/b\t3\nU6\tshared/b\nC6\nC5\n");
    assert_int_equal(writing_count, 2);
    assert_int_equal(writing[0]->transaction->count, 2);
    assert_false(writing[0]->transaction->changes[0].key.is_private);
    assert_true(writing[1]->transaction->changes[1].key.is_private);
    end_lookup(0);
    end_commit(1, REPLY_FOUND);
    assert_out(&peer, "Ox\n*1\n*2\n+2\tO5\n");
    end_commit(0, REPLY_TEMPORARY);
    assert_out(&peer, "+1\tF6\tso it is\n");
    fake_peer_close(&peer);
}

static void test_dict_spoiled_transactions(void **state)
{
    static const char *const changes[] = {"A1\tshared/a\tx\n", "A1\tshared/a\n", "S1\tpriv/a\tb\n",
                                          "U1\tx/a\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct fake_peer peer;

        open_peer(&peer, HELLO_40);
        tell(&peer, "B1\t\nS1\tshared/good\tx\n");
        tell(&peer, changes[i]);
        tell(&peer, "S1\tshared/also\tx\nC1\n");
        assert_false(peer.is_bad);
        assert_int_equal(writing_count, 0); /* none of it */
        assert_true(span_starts_with(buf_span(&peer.out), SPAN("F1\t")));
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

/* A value that cannot be written fails before anything is made. */
static void test_dict_values_that_cannot_be_written(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "B1\nS1\tshared/a\tb\nS1\tshared/b\tx\1"
                              "0y\nC1\nB2\nS2\tshared/a\t\xff\nC2\n");
    run();
    assert_int_equal(writing_count, 0);
    assert_true(span_starts_with(buf_span(&peer.out), SPAN("F1\ttable meta: ")));
    assert_non_null(memmem(peer.out.ptr, peer.out.len, "\nF2\ttable meta: ", 16));
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

static void test_dict_parked_behind_commits(void **state)
{
    static const struct {
        const char *line;
        bool is_parked;
    } cases[] = {
        {"Lshared/a\tbob\n", true},
        {"Lshared/ab\tbob\n", false},
        {"Lpriv/a\tbob\n", false},
        {"Lpriv/b\tbob\n", true},
        {"Lpriv/b\teve\n", false},
        {"I0\t0\tshared/\tbob\n", true},
        {"I0\t0\tshared/ab\tbob\n", false},
        {"I0\t0\tpriv/\teve\n", false},
        {"I16\t0\tshared/a\tbob\n", true},
        {"B2\tbob\nS2\tshared/a\t1\nC2\n", true},
        {"B2\teve\nU2\tshared/c\nA2\tshared/a\t1\nC2\n", true},
        {"B2\teve\nS2\tpriv/b\t1\nC2\n", false},
        {"B2\teve\nC2\n", false},
        {"B2\tbob\nS2\tshared/a\t1\nD2\n", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake_peer peer;
        size_t under_way;

        open_peer(&peer, HELLO_32 "B1\tbob\nS1\tshared/a\t1\nU1\tpriv/b\nC1\n");
        assert_int_equal(writing_count, 1);
        tell(&peer, cases[i].line);
        run();
        under_way = writing_count + walking_count + meta.waiting_count;
        if (under_way != (cases[i].is_parked ? 1 : 2))
            fail_msg("case %zu", i);
        end_commit(0, i % 2 == 0 ? REPLY_FOUND : REPLY_TEMPORARY);
        run();
        assert_int_equal(writing_count + walking_count + meta.waiting_count, 1);
        end_all(OLDEST_FIRST);
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

/* quota dict: C and, without waiting, L of what it wrote; the same thrice, one behind the other. */
static void test_dict_chain_of_commits(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    for (int i = 0; i < 3; i++)
        tell(&peer, "B1\tu\nS1\tpriv/q\t1\nC1\nLpriv/q\tu\n");
    for (int i = 0; i < 3; i++) {
        run();
        assert_int_equal(writing_count, i == 0);
        if (writing_count == 1)
            end_commit(0, REPLY_FOUND);
        run();
        if (i == 0)
            break;
    }
    /* A commit waits for commits only: the next one begins although a lookup still runs. */
    assert_int_equal(writing_count, 1);
    assert_int_equal(meta.waiting_count, 1);
    end_lookup(0);
    end_all(OLDEST_FIRST);
    assert_out(&peer, "O1\nOq\nO1\nOq\nO1\nOq\n");
    fake_peer_close(&peer);
}

static void test_dict_parked_for_too_long(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "B1\nS1\tshared/a\t1\nC1\n");
    tell(&peer, "Lshared/a\nB2\nS2\tshared/a\t1\nC2\nI0\tshared/\n");
    meta.table->timeout_ms = 0;
    for (uint64_t now_ms = table_now_ms(meta.table); table_now_ms(meta.table) == now_ms;)
        ev_run(loop, EVRUN_NOWAIT); /* later than it came, by what the clock can tell */
    end_commit(0, REPLY_FOUND);
    run();
    assert_int_equal(writing_count + walking_count + meta.waiting_count, 0);
    assert_out(&peer, "O1\nFan earlier write took too long\nF2\tan earlier write took too long\n"
                      "Fan earlier write took too long\n");
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

static void test_dict_async_commit(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "Lshared/a\nB1\nS1\tshared/b\t1\nD1\nB2\nS2\tshared/c\t1\nD2\n"
                              "B3\nS3\tshared/d\t1\nD3\nD9\nLshared/b\n");
    assert_int_equal(writing_count, 3);
    assert_int_equal(meta.waiting_count, 1); /* b is being written */
    end_commit(2, REPLY_MISS);
    end_commit(1, REPLY_TEMPORARY);
    assert_out(&peer, "AF9\tunknown transaction\nAN3\nAF2\tso it is\n");
    end_commit(0, REPLY_FOUND);
    run();
    assert_out(&peer, "AO1\n");
    end_lookup(1);
    end_lookup(0);
    assert_out(&peer, "Oa\nOb\n");
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

/* Who goes away takes the lookups, iterations and open transactions along, but not the commits. */
static void test_dict_close_with_all_under_way(void **state)
{
    static const char *const hellos[] = {HELLO_20, HELLO_22};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hellos); i++) {
        struct fake_peer peer;

        open_peer(&peer, hellos[i]);
        tell(&peer, "Lshared/a\nB1\nS1\tshared/b\t1\nC1\nB2\nS2\tshared/b\t2\nC2\nLshared/b\n");
        tell(&peer, i == 0 ? "I0\tshared/\n" : "I0\t0\tshared/x/\n");
        tell(&peer, "B3\nS3\tshared/c\t1\nD3\nB4\nS4\tshared/c\t1\nB5\nS5\tshared/c\t2\nD5\nC77\n");
        run();
        assert_int_equal(writing_count, 2);
        fake_peer_close(&peer);
        assert_int_equal(meta.waiting_count + walking_count, 0);
        run();
        assert_int_equal(writing_count, 2);
        end_commit(1, REPLY_FOUND);
        run();
        assert_int_equal(writing_count, 2); /* S5 has waited for S3 */
        end_commit(0, REPLY_TEMPORARY);
        run();
        assert_int_equal(writing_count, 2); /* and S2 for S1 */
        end_commit(1, REPLY_FOUND);
        end_commit(0, REPLY_UNCERTAIN);
        assert_int_equal(writing_count, 0);
        assert_null(commits.first);
    }
}

/* A commit whose answer is ready before its turn has ended. */
static void test_dict_close_with_early_answers(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "Lshared/a\nB1\nS1\tshared/b\t1\nC1\nLshared/c\n");
    end_commit(0, REPLY_FOUND);
    end_lookup(1);
    assert_out(&peer, "");
    fake_peer_close(&peer);
    assert_int_equal(meta.waiting_count, 0);
}

static void test_dict_close_before_the_loop_runs(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40 "B1\tu\nS1\tshared/b\t\xff\nC1\nLshared/a\tu\nI0\t0\tshared/x/\tu\n");
    fake_peer_close(&peer);
    run();
    assert_int_equal(meta.waiting_count + walking_count + writing_count, 0);
    assert_null(commits.first);
}

static void test_dict_commits_abort(void **state)
{
    struct fake_peer peer, gone;

    (void)state;
    open_peer(&peer, HELLO_20 "B1\nS1\tshared/b\t1\nC1\nB2\nS2\tshared/b\t2\nC2\nLshared/b\n");
    open_peer(&gone, HELLO_20 "B1\nS1\tshared/b\t1\nC1\nB2\nS2\tshared/b\t2\nC2\n");
    fake_peer_close(&gone);
    assert_int_equal(writing_count, 2);
    commits_abort(&commits);
    writing_count = 0;
    assert_out(&peer, "W1\tpodop stopped\nW2\tpodop stopped\n");
    fake_peer_close(&peer);
    run();
}

static void test_dict_full_of_requests(void **state)
{
    struct fake_peer peer;
    unsigned wakes;

    (void)state;
    open_peer(&peer, HELLO_20);
    for (int i = 0; i < REPLY_QUEUE_SLOTS_MAX + 10; i++)
        tell(&peer, "Lshared/a\n");
    assert_int_equal(meta.waiting_count, REPLY_QUEUE_SLOTS_MAX);
    assert_true(protocol_dict.is_full(peer.session));
    assert_int_equal(peer.in.len, 10 * strlen("Lshared/a\n"));
    wakes = peer.wakes;
    end_lookup(REPLY_QUEUE_SLOTS_MAX - 1); /* early: it makes no room */
    assert_true(protocol_dict.is_full(peer.session));
    end_lookup(0);
    assert_false(protocol_dict.is_full(peer.session));
    assert_true(peer.wakes > wakes);
    while (peer.in.len > 0 || pending(&peer) > 0) {
        fake_peer_feed(&peer);
        end_all(NEWEST_FIRST);
    }
    assert_int_equal(peer.out.len, (REPLY_QUEUE_SLOTS_MAX + 10) * strlen("Oa\n"));
    fake_peer_close(&peer);
}

static void test_dict_full_of_async_commits(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20);
    for (int i = 0; i < REPLY_QUEUE_SLOTS_MAX + 10; i++)
        tell(&peer, "B1\nS1\tshared/a\t1\nD1\n");
    assert_true(protocol_dict.is_full(peer.session));
    assert_int_equal(writing_count, 1);
    while (peer.in.len > 0 || pending(&peer) > 0) {
        fake_peer_feed(&peer);
        end_all(OLDEST_FIRST);
    }
    assert_int_equal(peer.out.len, (REPLY_QUEUE_SLOTS_MAX + 10) * strlen("AO1\n"));
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
            tell(&peer, HELLO_40);
            fake_peer_send(&peer, (struct span){line, len});
            assert_int_equal(peer.is_bad, over);
            fake_peer_send(&peer, SPAN("\n"));
            assert_int_equal(meta.waiting_count, !over);
            fake_peer_close(&peer);
            free(line);
        }
    }
}

static void test_dict_too_many_open_transactions(void **state)
{
    struct fake_peer peer;
    char line[20];

    (void)state;
    open_peer(&peer, HELLO_40);
    for (int i = 0; i < 1024; i++) {
        snprintf(line, sizeof(line), "B%d\tu\n", i);
        tell(&peer, line);
    }
    assert_false(peer.is_bad);
    tell(&peer, "R5\nB5\tu\n");
    assert_false(peer.is_bad);
    tell(&peer, "B5000\tu\n");
    assert_true(peer.is_bad);
    fake_peer_close(&peer);
}

static void test_dict_too_large_open_transactions(void **state)
{
    enum { BYTES = 1000000, CHANGES = 68 };
    char *line = xmalloc(BYTES);
    struct fake_peer peer;

    (void)state;
    memset(line, 'v', BYTES);
    memcpy(line, "S1\tshared/a\t", 12);
    line[BYTES - 1] = '\n';
    open_peer(&peer, HELLO_40 "B1\tu\nB2\tu\nS2\tshared/b\tx\n");
    for (int i = 0; i < CHANGES; i++)
        fake_peer_send(&peer, (struct span){line, BYTES});
    tell(&peer, "C1\n");
    assert_false(peer.is_bad);
    assert_int_equal(writing_count, 0);
    assert_true(span_starts_with(buf_span(&peer.out), SPAN("F1\t")));
    buf_clear(&peer.out);
    line[1] = '2';
    fake_peer_send(&peer, (struct span){line, BYTES}); /* what it held is given back */
    tell(&peer, "C2\n");
    assert_int_equal(writing_count, 1);
    end_commit(0, REPLY_FOUND);
    assert_out(&peer, "O2\n");
    fake_peer_close(&peer);
    free(line);
}

static void test_dict_rows_wait_for_the_reader(void **state)
{
    char *value = xmalloc(60001);
    struct fake_peer peer;

    (void)state;
    memset(value, 'v', 60000);
    value[60000] = '\0';
    open_peer(&peer, HELLO_40 "I0\t0\tshared/a/\tu\n");
    run();
    for (int i = 0; i < 5; i++) {
        assert_false(walking[0]->is_paused);
        row(0, "name", value);
    }
    assert_true(walking[0]->is_paused);
    assert_true(protocol_dict.is_full(peer.session));
    buf_clear(&peer.out);
    protocol_dict.output_drained(peer.session);
    assert_false(walking[0]->is_paused);
    run();
    row(0, "name", value);
    assert_false(walking[0]->is_paused);
    end_iteration(0, REPLY_FOUND);
    fake_peer_close(&peer);
    free(value);
}

/* Rows that nobody reads for the table's timeout: the iteration fails, and says why. */
static void test_dict_unread_rows_fail(void **state)
{
    char *value = xmalloc(300001);
    struct fake_peer peer;

    (void)state;
    memset(value, 'v', 300000);
    value[300000] = '\0';
    meta.table->timeout_ms = 20;
    open_peer(&peer, HELLO_40 "I0\t0\tshared/a/\tu\n");
    run();
    row(0, "name", value);
    assert_true(walking[0]->is_paused);
    protocol_dict.output_progressed(peer.session); /* it has its time again */
    while (walking_count > 0)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(pending(&peer), 0);
    assert_non_null(strstr(buf_string(&peer.out), "table meta: the client does not read its rows"));
    fake_peer_close(&peer);
    free(value);
}

static void test_dict_few_iterations_at_a_time(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    for (int i = 0; i < 10; i++)
        tell(&peer, "I0\t0\tshared/a/\tu\n");
    run();
    for (size_t left = 10; left > 0; left--) {
        assert_int_equal(walking_count, left < 4 ? left : 4);
        end_iteration(0, REPLY_FOUND);
        run();
    }
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

/* What waits for its client holds no table that a reload has replaced. */
static void test_dict_what_waits_finds_its_table_again(void **state)
{
    struct fake_peer peer;
    unsigned refs;

    (void)state;
    open_peer(&peer, HELLO_40);
    for (int i = 0; i < 4; i++)
        tell(&peer, "I0\t0\tshared/a/\tu\n");
    run();
    refs = meta.table->refs;
    tell(&peer, "I0\t0\tshared/a/\tu\n");
    assert_int_equal(meta.table->refs, refs);
    tables.count = 0;
    peer.service.serial++;
    buf_clear(&peer.out);
    end_iteration(0, REPLY_FOUND);
    assert_non_null(strstr(buf_string(&peer.out), "no such table: meta"));
    fake_peer_close(&peer);
}

/* Long answers to a client that does not read: few are kept, and the others asked for again. */
static void test_dict_puts_off(void **state)
{
    static const char *const hellos[] = {HELLO_20, HELLO_40};
    static char value[90000];
    const struct span big = {value, sizeof(value)};

    (void)state;
    memset(value, 'v', sizeof(value));
    for (size_t i = 0; i < ARRAY_LEN(hellos); i++) {
        struct fake_peer peer;
        struct reply reply = fake_found(big);
        size_t got = 0;

        meta.started = 0;
        open_peer(&peer, hellos[i]);
        for (int n = 0; n < REPLY_QUEUE_SLOTS_MAX; n++)
            tell(&peer, i == 0 ? "Lshared/a\n" : "Lshared/a\tu\n");
        assert_int_equal(meta.waiting_count, REPLY_QUEUE_SLOTS_MAX);
        while (pending(&peer) > 0) {
            while (meta.waiting_count > 0)
                fake_table_answer(&meta, meta.waiting_count - 1, &reply);
            assert_in_range(peer.out.len + protocol_dict.buffered_bytes(peer.session), 1,
                            1024 * 1024 + 2 * big.len);
            got += peer.out.len / big.len;
            fake_peer_read(&peer);
        }
        assert_int_equal(got + peer.out.len / big.len, REPLY_QUEUE_SLOTS_MAX);
        assert_in_range(meta.started, REPLY_QUEUE_SLOTS_MAX, 2 * REPLY_QUEUE_SLOTS_MAX);
        fake_peer_close(&peer);
    }
}

/* Long values that are known at once, in one request: rows wait for the reader, too. */
static void test_dict_exact_paths_wait_for_the_reader(void **state)
{
    enum { PATHS = 14 };
    struct fake_peer peer;
    struct buf line;
    size_t got = 0;

    (void)state;
    meta.answers_at_once = big_at_once;
    open_peer(&peer, HELLO_22);
    buf_init(&line, SIZE_MAX);
    buf_add(&line, SPAN("I16\t0"));
    for (int i = 0; i < PATHS; i++)
        buf_add(&line, SPAN("\tshared/a"));
    buf_add(&line, SPAN("\n"));
    fake_peer_send(&peer, buf_span(&line));
    while (pending(&peer) > 0) {
        assert_in_range(peer.out.len, OUT_BYTES_MAX, OUT_BYTES_MAX + BIG_BYTES + 100);
        got += peer.out.len / BIG_BYTES;
        fake_peer_read(&peer);
    }
    assert_int_equal(got + peer.out.len / BIG_BYTES, PATHS);
    fake_peer_close(&peer);
    buf_deinit(&line);
    meta.answers_at_once = NULL;
}

/* Every request there is, cut at every byte, answered in the order of the requests. */
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

            fake_peer_open(&peer, &protocol_dict, &tables); /* and one who leaves there */
            fake_peer_send(&peer, (struct span){wires[i].ptr, cut});
            fake_peer_close(&peer);
            end_all(NEWEST_FIRST);
        }
        fake_peer_close(&whole);
    }
}

/* Without ids the answers are the same whoever is ready first. */
static void test_dict_order_of_readiness(void **state)
{
    const struct span wire =
        SPAN(HELLO_20 "Lshared/a\nLshared/b\nB1\nS1\tshared/a\tx\nC1\nLshared/a\nI0\tshared/a/\n"
                      "B2\nS2\tshared/z\tx\nC2\nLshared/c\nI0\tshared/q/\nLshared/d\n");
    struct fake_peer oldest, newest;

    (void)state;
    fake_peer_open(&oldest, &protocol_dict, &tables);
    fake_peer_send(&oldest, wire);
    end_all(OLDEST_FIRST);
    fake_peer_open(&newest, &protocol_dict, &tables);
    fake_peer_send(&newest, wire);
    end_all(NEWEST_FIRST);
    assert_true(span_equal(buf_span(&oldest.out), buf_span(&newest.out)));
    assert_out(&oldest, "Oa\nOb\nO1\nOa\nOshared/a/n\tv\n\nO2\nOc\nOshared/q/n\tv\n\nOd\n");
    fake_peer_close(&oldest);
    fake_peer_close(&newest);
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
        WITH_TABLE(test_dict_lookups),
        WITH_TABLE(test_dict_in_order_without_ids),
        WITH_TABLE(test_dict_overtaking_with_ids),
        WITH_TABLE(test_dict_known_at_once),
        WITH_TABLE(test_dict_known_at_once_does_not_nest),
        WITH_TABLE(test_dict_iteration),
        WITH_TABLE(test_dict_iteration_options),
        WITH_TABLE(test_dict_exact_key),
        WITH_TABLE(test_dict_exact_key_with_nul),
        WITH_TABLE(test_dict_iterations_without_ids_wait),
        WITH_TABLE(test_dict_iterations_with_ids_mix),
        WITH_TABLE(test_dict_transaction),
        WITH_TABLE(test_dict_transactions_interleave),
        WITH_TABLE(test_dict_spoiled_transactions),
        WITH_TABLE(test_dict_values_that_cannot_be_written),
        WITH_TABLE(test_dict_parked_behind_commits),
        WITH_TABLE(test_dict_chain_of_commits),
        WITH_TABLE(test_dict_parked_for_too_long),
        WITH_TABLE(test_dict_async_commit),
        WITH_TABLE(test_dict_close_with_all_under_way),
        WITH_TABLE(test_dict_close_with_early_answers),
        WITH_TABLE(test_dict_close_before_the_loop_runs),
        WITH_TABLE(test_dict_commits_abort),
        WITH_TABLE(test_dict_full_of_requests),
        WITH_TABLE(test_dict_full_of_async_commits),
        WITH_TABLE(test_dict_line_limit),
        WITH_TABLE(test_dict_too_many_open_transactions),
        WITH_TABLE(test_dict_too_large_open_transactions),
        WITH_TABLE(test_dict_rows_wait_for_the_reader),
        WITH_TABLE(test_dict_unread_rows_fail),
        WITH_TABLE(test_dict_few_iterations_at_a_time),
        WITH_TABLE(test_dict_what_waits_finds_its_table_again),
        WITH_TABLE(test_dict_puts_off),
        WITH_TABLE(test_dict_exact_paths_wait_for_the_reader),
        WITH_TABLE(test_dict_cut_anywhere),
        WITH_TABLE(test_dict_order_of_readiness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
