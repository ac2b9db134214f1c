#include "unit.h"

#include "backend/process/pipe_writer.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

struct fixture {
    int read_end, write_end;
    struct pipe_writer writer;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    int ends[2];

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    f->read_end = ends[0];
    f->write_end = ends[1];
    pipe_writer_init(&f->writer);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    pipe_writer_deinit(&f->writer);
    if (f->read_end != -1)
        close(f->read_end);
    close(f->write_end);
    free(f);
    return 0;
}

static void drain(const struct fixture *f)
{
    char bytes[65536];

    while (read(f->read_end, bytes, sizeof(bytes)) > 0)
        continue;
}

static void test_order(void **state)
{
    struct fixture *f = *state;
    char bytes[16] = "";

    assert_int_equal(pipe_writer_flush(&f->writer, f->write_end), PIPE_EMPTY);
    assert_true(pipe_writer_add(&f->writer, SPAN("one\n")));
    assert_true(pipe_writer_add(&f->writer, SPAN("two\n")));
    assert_int_equal(f->writer.queued, 8);
    assert_int_equal(f->writer.written, 0);
    assert_int_equal(pipe_writer_flush(&f->writer, f->write_end), PIPE_EMPTY);
    assert_int_equal(f->writer.written, 8);
    assert_int_equal(read(f->read_end, bytes, sizeof(bytes)), 8);
    assert_string_equal(bytes, "one\ntwo\n");
}

static void test_full_pipe(void **state)
{
    static char bytes[256 * 1024];
    struct fixture *f = *state;

    memset(bytes, 'x', sizeof(bytes));
    assert_true(pipe_writer_add(&f->writer, (struct span){bytes, sizeof(bytes)}));
    assert_int_equal(pipe_writer_flush(&f->writer, f->write_end), PIPE_BLOCKED);
    assert_int_equal(pipe_writer_flush(&f->writer, f->write_end), PIPE_BLOCKED);
    assert_in_range(f->writer.written, 1, sizeof(bytes) - 1);
    while (pipe_writer_flush(&f->writer, f->write_end) == PIPE_BLOCKED)
        drain(f);
    assert_int_equal(f->writer.written, sizeof(bytes));
    assert_int_equal(f->writer.bytes.cap, 0); /* the memory of a burst is freed */
}

static void test_reader_has_gone(void **state)
{
    struct fixture *f = *state;

    close(f->read_end);
    f->read_end = -1;
    assert_true(pipe_writer_add(&f->writer, SPAN("x")));
    assert_int_equal(pipe_writer_flush(&f->writer, f->write_end), PIPE_BROKEN);
    assert_int_equal(f->writer.written, 0);
}

/* A single addition may be longer than the queue, but nothing is added after it. */
static void test_limits(void **state)
{
    struct fixture *f = *state;
    char *bytes = calloc(1, PIPE_ADDITION_BYTES_MAX + 1);

    assert_false(pipe_writer_add(&f->writer, (struct span){bytes, PIPE_ADDITION_BYTES_MAX + 1}));
    assert_int_equal(f->writer.queued, 0);
    assert_true(pipe_writer_add(&f->writer, (struct span){bytes, PIPE_QUEUE_BYTES_MAX}));
    assert_false(pipe_writer_add(&f->writer, SPAN("x")));
    assert_int_equal(f->writer.queued, PIPE_QUEUE_BYTES_MAX);
    pipe_writer_deinit(&f->writer);
    assert_true(pipe_writer_add(&f->writer, (struct span){bytes, PIPE_QUEUE_BYTES_MAX - 1}));
    assert_true(pipe_writer_add(&f->writer, SPAN("x")));
    assert_false(pipe_writer_add(&f->writer, SPAN("x")));
    pipe_writer_deinit(&f->writer);
    assert_true(pipe_writer_add(&f->writer, (struct span){bytes, PIPE_ADDITION_BYTES_MAX}));
    free(bytes);
}

/* Bytes that are written make room for others, and do not come again. */
static void test_written_bytes_make_room(void **state)
{
    static char bytes[3 * 1024 * 1024];
    struct fixture *f = *state;

    assert_true(pipe_writer_add(&f->writer, (struct span){bytes, sizeof(bytes)}));
    while (f->writer.written < 2 * 1024 * 1024) {
        assert_int_equal(pipe_writer_flush(&f->writer, f->write_end), PIPE_BLOCKED);
        drain(f);
    }
    assert_true(pipe_writer_add(&f->writer, (struct span){bytes, sizeof(bytes)}));
    while (pipe_writer_flush(&f->writer, f->write_end) == PIPE_BLOCKED)
        drain(f);
    assert_int_equal(f->writer.written, 2 * sizeof(bytes));
    assert_int_equal(f->writer.queued, 2 * sizeof(bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_pipe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reader_has_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_written_bytes_make_room, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
