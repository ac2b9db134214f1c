#include "dict_case.h"

#include "podop/deadline.h"

struct ev_loop *loop;
struct fake_table meta;
struct commits commits;
struct fake_tables tables = {{&meta}, 1};
struct commit *committing[WAITING_MAX];
size_t committing_count;
struct table_iteration *iterating[WAITING_MAX];
size_t iterating_count;

static void fake_commit(struct commit *commit)
{
    assert_true(committing_count < WAITING_MAX);
    committing[committing_count++] = commit;
}

static void fake_go_on(struct table_iteration *it)
{
    for (size_t i = 0; i < iterating_count; i++) {
        if (iterating[i] == it)
            return; /* after a pause */
    }
    assert_true(iterating_count < WAITING_MAX);
    iterating[iterating_count++] = it;
}

static void fake_stop(struct table_iteration *it)
{
    for (size_t i = 0; i < iterating_count; i++) {
        if (iterating[i] == it) {
            iterating_count--;
            memmove(&iterating[i], &iterating[i + 1], (iterating_count - i) * sizeof(iterating[0]));
            return;
        }
    }
}

void run(void)
{
    for (int i = 0; i < 3; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

void end_commit(size_t n, enum reply_status status)
{
    struct commit *commit = committing[n];

    assert_true(n < committing_count);
    committing_count--;
    memmove(&committing[n], &committing[n + 1], (committing_count - n) * sizeof(committing[0]));
    commit_finish(commit, &(struct reply){.status = status, .reason = SPAN("so it is")});
}

void row(size_t n, const char *name, const char *value)
{
    assert_true(n < iterating_count);
    assert_true(iteration_row(iterating[n], span_of(name), span_of(value)));
}

void end_iteration(size_t n, enum reply_status status)
{
    assert_true(n < iterating_count);
    iteration_finish(iterating[n], &(struct reply){.status = status, .reason = SPAN("so it is")});
}

size_t iteration_of(const char *path)
{
    size_t n = 0;

    while (n < iterating_count && !span_equal(iterating[n]->path.key, span_of(path)))
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

void end_lookup(size_t n)
{
    struct reply reply = reply_of(meta.waiting[n]->key.key);

    fake_table_answer(&meta, n, &reply);
}

void end_all(enum order order)
{
    do {
        run();
        while (meta.waiting_count > 0)
            end_lookup(order == OLDEST_FIRST ? 0 : meta.waiting_count - 1);
        if (committing_count > 0)
            end_commit(order == OLDEST_FIRST ? 0 : committing_count - 1, REPLY_FOUND);
        if (iterating_count > 0) {
            row(0, "n", "v");
            end_iteration(0, REPLY_FOUND);
        }
        run();
    } while (meta.waiting_count + committing_count + iterating_count > 0);
}

bool big_at_once(struct span key, struct reply *reply)
{
    static char value[BIG_BYTES];

    (void)key;
    memset(value, 'v', sizeof(value));
    *reply = fake_found((struct span){value, sizeof(value)});
    return true;
}

int dict_case_setup(void **state)
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

int dict_case_teardown(void **state)
{
    bool is_closed = false;

    (void)state;
    assert_int_equal(committing_count + iterating_count + meta.waiting_count, 0);
    assert_null(commits.first);
    meta.is_closed = &is_closed;
    fake_table_close(&meta);
    assert_true(is_closed); /* no request has kept a reference */
    service_clock_release(loop);
    ev_loop_destroy(loop);
    return 0;
}

void open_peer(struct fake_peer *peer, const char *hello)
{
    fake_peer_open(peer, &protocol_dict, &tables);
    fake_peer_send(peer, span_of(hello));
}

void send_lines(struct fake_peer *peer, const char *lines)
{
    fake_peer_send(peer, span_of(lines));
}

void assert_out(struct fake_peer *peer, const char *expected)
{
    if (!span_equal(buf_span(&peer->out), span_of(expected)))
        fail_msg("'%.*s' instead of '%s'", (int)peer->out.len, peer->out.ptr, expected);
    buf_clear(&peer->out);
}

size_t pending(const struct fake_peer *peer)
{
    return protocol_dict.pending(peer->session);
}

bool at_once(struct span key, struct reply *reply)
{
    if (!span_starts_with(key, SPAN("now")))
        return false;
    *reply = fake_found(key);
    return true;
}
