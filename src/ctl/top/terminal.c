#include "terminal.h"

#include "podop/mem.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { COLUMNS_DEFAULT = 80, LINES_DEFAULT = 24 };

/* The screen of its own (1049) and the hidden cursor (25) are the only ones that a VT100 ignores.
 */
#define CLEAR "\033[?25l\033[H\033[J"
#define ENTER "\033[?1049h" CLEAR
#define LEAVE "\033[m\033[H\033[J\033[?25h\033[?1049l"

static const int handled[] = {
    SIGHUP,  SIGINT,  SIGQUIT, SIGALRM, SIGTERM,  SIGUSR1,
    SIGUSR2, SIGPIPE, SIGTSTP, SIGCONT, SIGWINCH,
};

static sigset_t handled_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(handled); i++)
        sigaddset(&set, handled[i]);
    return set;
}

bool terminal_is_fit(void)
{
    const char *name = getenv("TERM");

    return isatty(STDOUT_FILENO) && name != NULL && name[0] != '\0' && strcmp(name, "dumb") != 0;
}

/* Writes all of it. A terminal that is set to non-blocking is waited for. */
static int write_all(struct span bytes, struct error *err)
{
    while (bytes.len > 0) {
        const ssize_t n = write(STDOUT_FILENO, bytes.ptr, bytes.len);
        struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

        if (n >= 0)
            bytes = span_skip(bytes, (size_t)n);
        else if (errno == EAGAIN)
            poll(&fd, 1, -1);
        else if (errno != EINTR)
            return error_errno(err, "cannot write to the terminal");
    }
    return 0;
}

/* Takes the terminal over, or does so again after another program may have used it. From the
 * background this stops the process until it is resumed in the foreground (SIGTTOU). */
static void enter(struct terminal *t)
{
    struct error ignored; /* the next picture meets it again */
    struct termios modes = t->modes;

    modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    if (t->has_keys)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
    write_all(t->is_entered ? SPAN(CLEAR) : SPAN(ENTER), &ignored);
    t->is_entered = true;
}

static void leave(struct terminal *t)
{
    struct error ignored;

    if (!t->is_entered)
        return;
    write_all(SPAN(LEAVE), &ignored);
    if (t->has_keys)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &t->modes);
    t->is_entered = false;
}

static int watch(struct terminal *t, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(t->events, EPOLL_CTL_ADD, fd, &event);
}

int terminal_open(struct terminal *t, struct error *err)
{
    const char *no_colour = getenv("NO_COLOR");
    const sigset_t set = handled_signals();

    *t = (struct terminal){
        .has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &t->modes) == 0,
    };
    if (t->has_keys)
        tcgetattr(STDIN_FILENO, &t->modes);
    t->has_colour = no_colour == NULL || no_colour[0] == '\0';
    sigprocmask(SIG_BLOCK, &set, NULL);
    t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    t->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    t->events = epoll_create1(EPOLL_CLOEXEC);
    if (t->signals == -1 || t->timer == -1 || t->events == -1 || watch(t, t->signals) == -1 ||
        watch(t, t->timer) == -1 || (t->has_keys && watch(t, STDIN_FILENO) == -1))
        return error_errno(err, "cannot wait for signals and keys");
    enter(t);
    return 0;
}

static void close_one(int *fd)
{
    if (*fd != -1)
        close(*fd);
    *fd = -1;
}

void terminal_close(struct terminal *t)
{
    leave(t);
    close_one(&t->signals);
    close_one(&t->timer);
    close_one(&t->events);
}

static size_t size_from(const char *variable, unsigned short known, size_t otherwise)
{
    const char *text = getenv(variable);
    const long n = text == NULL ? 0 : strtol(text, NULL, 10);

    if (known > 0)
        return known;
    return n > 0 && n < USHRT_MAX ? (size_t)n : otherwise;
}

void terminal_size(size_t *columns, size_t *lines)
{
    struct winsize size = {0};

    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    *columns = size_from("COLUMNS", size.ws_col, COLUMNS_DEFAULT);
    *lines = size_from("LINES", size.ws_row, LINES_DEFAULT);
}

static void add_style(const struct terminal *t, enum top_style style, struct buf *out)
{
    switch (style) {
    case TOP_PLAIN: break;
    case TOP_TITLE: buf_add(out, SPAN("\033[7m")); break;
    case TOP_BAD:
        if (t->has_colour)
            buf_add(out, SPAN("\033[31m"));
        break;
    }
}

/* Moves the cursor to the beginning of a line, from 0 on. */
static void add_place(size_t line, struct buf *out)
{
    buf_add(out, SPAN("\033["));
    buf_add_uint(out, line + 1);
    buf_add(out, SPAN(";1H"));
}

/* A line that fills the width is not erased to its end: some terminals would erase its last
 * character. */
static void add_line(const struct terminal *t, const struct top_page *page, size_t at,
                     struct buf *out)
{
    const struct top_line *line = &page->lines[at];

    add_place(at, out);
    add_style(t, line->style, out);
    buf_add(out, top_page_line(page, at));
    buf_add(out, SPAN("\033[m"));
    if (line->columns < page->width)
        buf_add(out, SPAN("\033[K"));
}

int terminal_draw(struct terminal *t, const struct top_page *page, size_t lines, struct error *err)
{
    struct buf out;
    int status;

    buf_init(&out, BUF_LIMITED_BY_INPUT);
    for (size_t i = 0; i < page->count; i++)
        add_line(t, page, i, &out);
    if (page->count < lines) {
        add_place(page->count, &out);
        buf_add(&out, SPAN("\033[J"));
    }
    status = write_all(buf_span(&out), err);
    buf_deinit(&out);
    return status;
}

void terminal_set_timer(struct terminal *t, uint64_t ms)
{
    const struct itimerspec spec = {
        .it_value = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000},
    };

    timerfd_settime(t->timer, 0, &spec, NULL);
}

/* Stops the process as the shell expects, and returns when it is continued, or at once in a process
 * group that cannot be stopped because it has no shell. */
static void stop(struct terminal *t)
{
    sigset_t set;

    leave(t);
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* it stops here */
    sigprocmask(SIG_BLOCK, &set, NULL);
    enter(t);
}

static enum terminal_event take_signal(struct terminal *t, int *number)
{
    struct signalfd_siginfo info;

    if (read(t->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return TERMINAL_NOTHING;
    *number = (int)info.ssi_signo;
    switch (*number) {
    case SIGPIPE: return TERMINAL_NOTHING; /* write() says it as well */
    case SIGWINCH: return TERMINAL_RESIZED;
    case SIGTSTP: stop(t); return TERMINAL_RESIZED;
    case SIGCONT: enter(t); return TERMINAL_RESIZED; /* after a SIGSTOP, too */
    default: return TERMINAL_SIGNAL;
    }
}

static enum terminal_event take_tick(struct terminal *t)
{
    uint64_t times;

    return read(t->timer, &times, sizeof(times)) == (ssize_t)sizeof(times) ? TERMINAL_TICK
                                                                           : TERMINAL_NOTHING;
}

/* The end of the input is that of the terminal, which sends SIGHUP unless that is ignored. */
static enum terminal_event take_key(int *number)
{
    unsigned char key;
    const ssize_t n = read(STDIN_FILENO, &key, 1);

    if (n == 1) {
        *number = key;
        return TERMINAL_KEY;
    }
    if (n == -1 && (errno == EINTR || errno == EAGAIN))
        return TERMINAL_NOTHING;
    *number = SIGHUP;
    return TERMINAL_SIGNAL;
}

enum terminal_event terminal_next(struct terminal *t, int *number)
{
    struct epoll_event event;

    if (epoll_wait(t->events, &event, 1, 0) != 1)
        return TERMINAL_NOTHING;
    if (event.data.fd == t->signals)
        return take_signal(t, number);
    return event.data.fd == t->timer ? take_tick(t) : take_key(number);
}

void terminal_die(int number)
{
    const sigset_t set = handled_signals();

    signal(number, SIG_DFL);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}
