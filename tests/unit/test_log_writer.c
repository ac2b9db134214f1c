#include "unit.h"

#include "base/log_queue.h"
#include "base/log_writer.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LINE_BYTES = 64 };

static void add(struct log_queue *queue, const char *line)
{
    log_queue_add(queue, span_of(line));
}

static void test_log_queue_keeps_whole_lines_in_order(void **state)
{
    struct log_queue queue;
    struct buf out;

    (void)state;
    log_queue_init(&queue);
    buf_init(&out, LOG_QUEUE_BYTES_MAX);
    assert_true(log_queue_is_empty(&queue));
    add(&queue, "one\n");
    add(&queue, "two\n");
    assert_false(log_queue_is_empty(&queue));
    assert_int_equal(log_queue_take(&queue, &out), 0);
    assert_string_equal(buf_string(&out), "one\ntwo\n");
    assert_true(log_queue_is_empty(&queue));
    buf_clear(&out);
    add(&queue, "three\n");
    assert_int_equal(log_queue_take(&queue, &out), 0);
    assert_string_equal(buf_string(&out), "three\n");
    buf_deinit(&out);
    log_queue_deinit(&queue);
}

/* After a line that does not fit, all lines are dropped, so that there is only one gap. */
static void test_log_queue_drops_whole_lines_in_one_place(void **state)
{
    static char line[LINE_BYTES + 1], long_line[LINE_BYTES + 2];
    struct log_queue queue;
    struct buf out;

    (void)state;
    memset(line, 'x', LINE_BYTES);
    memset(long_line, 'y', LINE_BYTES + 1);
    log_queue_init(&queue);
    buf_init(&out, LOG_QUEUE_BYTES_MAX);
    for (int i = 0; i < LOG_QUEUE_BYTES_MAX / LINE_BYTES - 1; i++)
        add(&queue, line);
    assert_int_equal(queue.lost, 0);
    add(&queue, long_line);
    assert_int_equal(queue.lost, 1);
    add(&queue, line); /* this line alone would fit */
    assert_int_equal(queue.lost, 2);
    assert_int_equal(queue.lines.len, LOG_QUEUE_BYTES_MAX - LINE_BYTES);
    assert_int_equal(log_queue_take(&queue, &out), 2);
    assert_int_equal(out.len, LOG_QUEUE_BYTES_MAX - LINE_BYTES);
    buf_clear(&out);
    add(&queue, line);
    assert_int_equal(log_queue_take(&queue, &out), 0);
    assert_int_equal(out.len, LINE_BYTES);
    buf_deinit(&out);
    log_queue_deinit(&queue);
}

/* The writer, with another stderr while it lasts. */

static int saved;

static void replace_stderr(int fd)
{
    fflush(stderr);
    saved = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
}

static void restore_stderr(void)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static void add_loss(struct buf *out, struct log_loss how, uint64_t lost)
{
    assert_int_equal(how.format, 1);
    assert_true(how.has_time);
    buf_add(out, SPAN("lost "));
    buf_add_uint(out, lost);
    buf_add_char(out, '\n');
}

static void write_number(struct log_writer *w, unsigned n)
{
    char line[LINE_BYTES];

    snprintf(line, sizeof(line), "line %u of those that are written to a pipe\n", n);
    log_writer_add(w, span_of(line), (struct log_loss){1, true});
}

/* What was read of the lines, each of which is complete and in order. */
struct reader {
    char text[64 * LINE_BYTES];
    size_t len;
    unsigned next; /* the number of the next line; lost lines are counted in their place */
    unsigned lost;
};

static void check_line(struct reader *r, const char *line)
{
    unsigned n;

    if (sscanf(line, "lost %u", &n) == 1) {
        r->next += n;
        r->lost += n;
        return;
    }
    assert_int_equal(sscanf(line, "line %u of those that are written to a pipe", &n), 1);
    assert_int_equal(n, r->next);
    r->next++;
}

/* Reads to the end, or until so many lines are counted. */
static void read_lines(struct reader *r, int fd, unsigned count)
{
    struct pollfd in = {.fd = fd, .events = POLLIN};
    ssize_t n;
    char *end;

    while (r->next < count) {
        char *line = r->text;

        assert_int_equal(poll(&in, 1, 20000), 1);
        n = read(fd, r->text + r->len, sizeof(r->text) - r->len);
        if (n <= 0)
            return;
        r->len += (size_t)n;
        while ((end = memchr(line, '\n', r->len - (size_t)(line - r->text))) != NULL) {
            *end = '\0';
            check_line(r, line);
            line = end + 1;
        }
        r->len -= (size_t)(line - r->text);
        memmove(r->text, line, r->len);
    }
}

/* Logs more than a pipe takes, and reads it only afterwards: no call waits, with any flags. The
 * lines that are lost are reported once or more often, as the thread has time. */
static void check_pipe(int flags)
{
    enum { LINES = 100000 };
    struct reader reader = {.len = 0};
    struct log_writer *w;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC | flags), 0);
    fcntl(ends[0], F_SETFL, 0);
    replace_stderr(ends[1]);
    close(ends[1]);
    w = log_writer_new(add_loss);
    assert_non_null(w);
    for (unsigned i = 0; i < LINES; i++)
        write_number(w, i);
    read_lines(&reader, ends[0], LINES);
    log_writer_free(&w);
    restore_stderr();
    read_lines(&reader, ends[0], UINT_MAX);
    close(ends[0]);
    assert_int_equal(reader.next, LINES);
    assert_int_equal(reader.len, 0);
    assert_true(reader.lost > 0);
}

static void test_log_writer_full_pipe(void **state)
{
    (void)state;
    check_pipe(0);
    check_pipe(O_NONBLOCK); /* as if another process had set that */
}

/* log_writer_free() returns even if stderr is never read. */
static void test_log_writer_ends_without_a_reader(void **state)
{
    struct log_writer *w;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    replace_stderr(ends[1]);
    close(ends[1]);
    w = log_writer_new(add_loss);
    for (unsigned i = 0; i < 5000; i++)
        write_number(w, i);
    log_writer_free(&w); /* the thread hangs in write(2) */
    assert_null(w);
    close(ends[0]); /* now it gets EPIPE, and ends by itself */
    restore_stderr();
}

/* A file at its size limit cuts a line; the rest of that line is written first when it may grow. */
static void test_log_writer_file_at_its_limit(void **state)
{
    enum { LINES = 100, LIMIT = 1000 };
    struct reader reader = {.len = 0};
    char path[] = "/tmp/podop-test-writer.XXXXXX";
    struct rlimit before, limit;
    struct log_writer *w;
    int fd = mkstemp(path);

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){LIMIT, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    replace_stderr(fd);
    w = log_writer_new(add_loss);
    for (unsigned i = 0; i < LINES; i++)
        write_number(w, i);
    while (lseek(fd, 0, SEEK_END) < LIMIT)
        poll(NULL, 0, 1);
    setrlimit(RLIMIT_FSIZE, &before);
    write_number(w, LINES); /* the writer tries again by itself, and at its end */
    log_writer_free(&w);
    restore_stderr();
    lseek(fd, 0, SEEK_SET);
    read_lines(&reader, fd, UINT_MAX);
    close(fd);
    unlink(path);
    assert_int_equal(reader.next, LINES + 1);
    assert_int_equal(reader.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_queue_keeps_whole_lines_in_order),
        cmocka_unit_test(test_log_queue_drops_whole_lines_in_one_place),
        cmocka_unit_test(test_log_writer_full_pipe),
        cmocka_unit_test(test_log_writer_file_at_its_limit),
        cmocka_unit_test(test_log_writer_ends_without_a_reader),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
