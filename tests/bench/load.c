/* load.c - the load generator: one thread keeps so many lookups in flight on each of so many
 * connections, compares each reply with the right one for its key, and prints the results as one
 * JSON object. */
#include "connect.h"
#include "latency.h"
#include "questions.h"

#include "podop/buf.h"
#include "podop/mem.h"
#include "podop/netstring.h"
#include "podop/tabline.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    SCRATCH_BYTES = 256 * 1024,
    REPLY_BYTES_MAX = 1024 * 1024,
    EVENTS_MAX = 256,
    SLOTS_PER_LOOKUP = 8, /* ring size, as answers may come in any order */
    SILENCE_MS = 15000,   /* a run fails after this long without a reply */
};

static const char help[] =
    "Usage: load --socket ADDR --table NAME [OPTION]...\n"
    "Asks a server for keys as fast as it answers, and prints a JSON object.\n"
    "\n"
    "  -s, --socket ADDR       /path or HOST:PORT\n"
    "  -p, --protocol NAME     socketmap (default) or dict\n"
    "  -t, --table NAME        table or dict to ask\n"
    "  -v, --value PREFIX      the right value is PREFIX and the key (default: /k/)\n"
    "  -c, --connections N     (default: 16)\n"
    "  -f, --in-flight N       lookups at a time on each connection (default: 1)\n"
    "  -k, --keys N            (default: 10000)\n"
    "  -z, --zipf EXPONENT     some keys are asked for more often (default: 0, all alike)\n"
    "  -i, --in-turn           each key once, before any comes again\n"
    "  -n, --count N           end after N lookups\n"
    "  -d, --duration SECONDS  end after that time (default: 1)\n"
    "  -w, --warm-up SECONDS   do not measure before (default: 0)\n"
    "  -S, --server PID        measure the CPU time of that process\n";

struct options {
    const char *socket;
    struct questions_config questions;
    size_t connections, in_flight;
    uint64_t count; /* 0: duration ends the run */
    double duration_s, warm_up_s;
    long server; /* 0: none */
};

/* A lookup that was sent. */
struct slot {
    const struct question *question;
    uint64_t sent_at_ns;
    uint32_t id; /* given by the server; 0: none */
    bool is_done;
};

struct conn {
    int fd;
    bool is_blocked; /* the send buffer is full, and out waits */
    struct buf in, out;
    struct slot *slots; /* a ring: from head to tail, oldest first */
    size_t head, tail;
    size_t in_flight;
};

struct load {
    const struct options *options;
    struct questions *questions;
    int epoll;
    struct conn *conns;
    size_t mask; /* of the rings */
    char *scratch;
    uint64_t next; /* in the order of questions */
    uint64_t sent;
    bool is_measuring;
    uint64_t wrong, not_ok; /* among those in latency */
    struct latency latency;
    uint64_t heard_at_ns;
};

static void __attribute__((noreturn)) die(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* CPU time of the main thread, as the scheduler counts it; sched-stats.rst, /proc/PID/schedstat. */
static uint64_t server_cpu_ns(long pid)
{
    char path[64];
    unsigned long long ns = 0;
    FILE *file;

    if (pid == 0)
        return 0;
    snprintf(path, sizeof(path), "/proc/%ld/schedstat", pid);
    file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%llu", &ns) != 1)
        die("the server's CPU time cannot be read");
    fclose(file);
    return ns;
}

/* Sending */

static void watch(struct load *load, struct conn *c, bool is_blocked)
{
    struct epoll_event event = {.events = EPOLLIN | (is_blocked ? EPOLLOUT : 0), .data.ptr = c};

    c->is_blocked = is_blocked;
    if (epoll_ctl(load->epoll, EPOLL_CTL_MOD, c->fd, &event) == -1)
        die("epoll_ctl failed");
}

static void flush(struct load *load, struct conn *c)
{
    ssize_t n = c->out.len == 0 ? 0 : send(c->fd, c->out.ptr, c->out.len, MSG_NOSIGNAL);

    if (n == -1 && errno != EAGAIN)
        die("the server hung up");
    buf_drop(&c->out, n > 0 ? (size_t)n : 0);
    if (c->is_blocked != (c->out.len > 0))
        watch(load, c, c->out.len > 0);
}

static bool may_send(const struct load *load)
{
    return load->options->count == 0 || load->sent < load->options->count;
}

/* Sends lookups, with one write, until the wanted number is in flight. */
static void fill(struct load *load, struct conn *c)
{
    const struct questions *q = load->questions;
    uint64_t sent_at_ns = now_ns();

    while (c->in_flight < load->options->in_flight && c->tail - c->head <= load->mask &&
           may_send(load)) {
        const struct question *question = &q->items[q->order[load->next++ % q->order_count]];

        c->slots[c->tail++ & load->mask] =
            (struct slot){.question = question, .sent_at_ns = sent_at_ns};
        c->in_flight++;
        load->sent++;
        buf_add(&c->out, question->request);
    }
    flush(load, c);
}

/* Replies */

static void finish(struct load *load, struct conn *c, struct slot *slot, bool is_right, bool is_ok)
{
    slot->is_done = true;
    c->in_flight--;
    while (c->head != c->tail && c->slots[c->head & load->mask].is_done)
        c->head++;
    if (!load->is_measuring)
        return;
    load->wrong += !is_right;
    load->not_ok += !is_ok;
    latency_add(&load->latency, load->heard_at_ns - slot->sent_at_ns);
}

/* Returns the oldest lookup with this id, or for 0 the oldest without an id. */
static struct slot *find_slot(struct load *load, struct conn *c, uint32_t id)
{
    for (size_t i = c->head; i != c->tail; i++) {
        struct slot *slot = &c->slots[i & load->mask];

        if (!slot->is_done && slot->id == id)
            return slot;
    }
    die("a reply that nobody asked for");
}

static uint32_t parse_id(struct span line)
{
    uint32_t id = 0;

    for (size_t i = 1; i < line.len && line.ptr[i] >= '0' && line.ptr[i] <= '9'; i++)
        id = id * 10 + (uint32_t)(line.ptr[i] - '0');
    if (id == 0)
        die("an id that is none");
    return id;
}

/* A line of the dict: "*ID" names the oldest lookup without an id, "+ID<tab>reply" answers it. */
static void hear_line(struct load *load, struct conn *c, struct span line)
{
    struct slot *slot;
    struct span right;

    if (line.len == 0)
        die("an empty line");
    if (*line.ptr == '*') {
        find_slot(load, c, 0)->id = parse_id(line);
        return;
    }
    slot = find_slot(load, c, *line.ptr == '+' ? parse_id(line) : 0);
    if (*line.ptr == '+') {
        const char *tab = memchr(line.ptr, '\t', line.len);

        line = tab == NULL ? SPAN("") : span_skip(line, (size_t)(tab + 1 - line.ptr));
    }
    right = (struct span){slot->question->reply.ptr, slot->question->reply.len - 1};
    finish(load, c, slot, span_equal(line, right), span_starts_with(line, SPAN("O")));
}

/* Takes one reply off the front of in and returns its size; 0 if it is not whole. */
static size_t hear_one(struct load *load, struct conn *c, struct span in)
{
    struct slot *oldest = c->head == c->tail ? NULL : &c->slots[c->head & load->mask];
    enum parse found;
    struct span text;
    size_t used;

    if (oldest != NULL && oldest->id == 0 && span_starts_with(in, oldest->question->reply)) {
        used = oldest->question->reply.len; /* if it is the right reply */
        finish(load, c, oldest, true, true);
        return used;
    }
    found = load->questions->protocol == BENCH_DICT
                ? tabline_parse(in, REPLY_BYTES_MAX, &text, &used)
                : netstring_parse(in, REPLY_BYTES_MAX, &text, &used);
    if (found == PARSE_MORE)
        return 0;
    if (found == PARSE_BAD)
        die("the server does not follow the protocol");
    if (load->questions->protocol == BENCH_DICT)
        hear_line(load, c, text);
    else
        finish(load, c, find_slot(load, c, 0), false, span_starts_with(text, SPAN("OK ")));
    return used;
}

static size_t hear_all(struct load *load, struct conn *c, struct span in)
{
    size_t done = 0, used = 1;

    while (done < in.len && used > 0) {
        used = hear_one(load, c, span_skip(in, done));
        done += used;
    }
    return done;
}

static void receive(struct load *load, struct conn *c)
{
    ssize_t n = read(c->fd, load->scratch, SCRATCH_BYTES);
    struct span in = {load->scratch, n > 0 ? (size_t)n : 0};
    size_t used;

    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        die("the server hung up");
    load->heard_at_ns = now_ns();
    if (c->in.len > 0) {
        buf_add(&c->in, in);
        buf_drop(&c->in, hear_all(load, c, buf_span(&c->in)));
        return;
    }
    used = hear_all(load, c, in);
    buf_add(&c->in, span_skip(in, used));
}

/* The run */

static void open_conns(struct load *load, const struct socket_address *at)
{
    size_t slots = 1;

    while (slots < load->options->in_flight * SLOTS_PER_LOOKUP)
        slots *= 2;
    load->mask = slots - 1;
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->conns = xcalloc(load->options->connections, sizeof(*load->conns));
    for (size_t i = 0; i < load->options->connections; i++) {
        struct conn *c = &load->conns[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

        c->fd = bench_connect(at);
        if (c->fd == -1 || epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) == -1)
            die("cannot connect");
        buf_init(&c->in, SIZE_MAX);
        buf_init(&c->out, SIZE_MAX);
        questions_hello(&load->options->questions, &c->out);
        c->slots = xcalloc(slots, sizeof(*c->slots));
    }
}

static void close_conns(struct load *load)
{
    for (size_t i = 0; i < load->options->connections; i++) {
        close(load->conns[i].fd);
        buf_deinit(&load->conns[i].in);
        buf_deinit(&load->conns[i].out);
        free(load->conns[i].slots);
    }
    free(load->conns);
    close(load->epoll);
}

static void turn(struct load *load)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(load->epoll, events, EVENTS_MAX, 10);

    for (int i = 0; i < count; i++) {
        struct conn *c = events[i].data.ptr;

        if (events[i].events & ~(uint32_t)EPOLLOUT)
            receive(load, c);
        fill(load, c);
    }
    if (count == 0 && now_ns() - load->heard_at_ns > (uint64_t)SILENCE_MS * 1000000U)
        die("the server has fallen silent");
}

static bool is_over(const struct load *load, uint64_t end_ns)
{
    if (load->options->count > 0)
        return load->latency.count == load->options->count;
    return load->heard_at_ns >= end_ns || now_ns() >= end_ns;
}

static void print_result(const struct load *load, uint64_t took_ns, uint64_t server_ns,
                         uint64_t own_ns)
{
    const struct latency *l = &load->latency;
    double lookups = l->count == 0 ? 1.0 : (double)l->count;

    printf("{\"lookups\": %llu, \"seconds\": %.4f, \"per_second\": %.1f, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"max_us\": %.1f, \"cpu_us\": %.4f, \"load_cpu_us\": %.4f, "
           "\"wrong\": %llu, \"not_ok\": %llu, \"bad_share\": %.6f}\n",
           (unsigned long long)l->count, (double)took_ns / 1e9,
           (double)l->count * 1e9 / (double)took_ns, latency_quantile_us(l, 0.5),
           latency_quantile_us(l, 0.99), (double)l->max_ns / 1e3, (double)server_ns / 1e3 / lookups,
           (double)own_ns / 1e3 / lookups, (unsigned long long)load->wrong,
           (unsigned long long)load->not_ok, (double)load->wrong / lookups);
}

static void run(struct load *load)
{
    const struct options *o = load->options;
    uint64_t begin_ns, server_ns, own_ns;

    load->heard_at_ns = now_ns();
    begin_ns = load->heard_at_ns + (uint64_t)(o->warm_up_s * 1e9);
    for (size_t i = 0; i < o->connections; i++)
        fill(load, &load->conns[i]);
    while (o->warm_up_s > 0.0 && now_ns() < begin_ns)
        turn(load);
    load->is_measuring = true;
    server_ns = server_cpu_ns(o->server);
    own_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    begin_ns = now_ns();
    while (!is_over(load, begin_ns + (uint64_t)(o->duration_s * 1e9)))
        turn(load);
    print_result(load, now_ns() - begin_ns, server_cpu_ns(o->server) - server_ns,
                 clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own_ns);
}

/* Command line */

static void __attribute__((noreturn)) usage(const char *why)
{
    fprintf(stderr, "load: %s\n%s", why, help);
    exit(64);
}

static uint64_t parse_number(const char *text)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || number == 0 || number > 1000000000)
        usage("a number is from 1 to 1000000000");
    return number;
}

static double parse_seconds(const char *text)
{
    char *end;
    double number = strtod(text, &end);

    if (end == text || *end != '\0' || !(number >= 0.0 && number <= 3600.0))
        usage("a time or an exponent is from 0 to 3600");
    return number;
}

static enum bench_protocol parse_protocol(const char *text)
{
    if (strcmp(text, "socketmap") == 0)
        return BENCH_SOCKETMAP;
    if (strcmp(text, "dict") == 0)
        return BENCH_DICT;
    usage("a protocol is socketmap or dict");
}

static void set_option(struct options *o, int option)
{
    switch (option) {
    case 's': o->socket = optarg; return;
    case 'p': o->questions.protocol = parse_protocol(optarg); return;
    case 't': o->questions.table = optarg; return;
    case 'v': o->questions.prefix = optarg; return;
    case 'c': o->connections = parse_number(optarg); return;
    case 'f': o->in_flight = parse_number(optarg); return;
    case 'k': o->questions.keys = parse_number(optarg); return;
    case 'z': o->questions.zipf = parse_seconds(optarg); return;
    case 'i': o->questions.in_turn = true; return;
    case 'n': o->count = parse_number(optarg); return;
    case 'd': o->duration_s = parse_seconds(optarg); return;
    case 'w': o->warm_up_s = parse_seconds(optarg); return;
    case 'S': o->server = (long)parse_number(optarg); return;
    default: usage("wrong option");
    }
}

static void parse_options(struct options *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},      {"protocol", required_argument, NULL, 'p'},
        {"table", required_argument, NULL, 't'},       {"value", required_argument, NULL, 'v'},
        {"connections", required_argument, NULL, 'c'}, {"in-flight", required_argument, NULL, 'f'},
        {"keys", required_argument, NULL, 'k'},        {"zipf", required_argument, NULL, 'z'},
        {"in-turn", no_argument, NULL, 'i'},           {"count", required_argument, NULL, 'n'},
        {"duration", required_argument, NULL, 'd'},    {"warm-up", required_argument, NULL, 'w'},
        {"server", required_argument, NULL, 'S'},      {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "s:p:t:v:c:f:k:z:in:d:w:S:", options, NULL)) != -1)
        set_option(o, option);
    if (o->socket == NULL || o->questions.table == NULL || optind != argc)
        usage("--socket and --table have to be given, and nothing but options");
    if (o->count > 0 && o->warm_up_s > 0.0)
        usage("--count counts from the first lookup on: no --warm-up");
}

int main(int argc, char **argv)
{
    struct options options = {
        .questions = {.prefix = "/k/", .keys = 10000},
        .connections = 16,
        .in_flight = 1,
        .duration_s = 1.0,
    };
    static struct load load; /* zeroed, and large */
    struct socket_address at;
    struct error err = {0};

    parse_options(&options, argc, argv);
    if (socket_address_resolve(options.socket, &at, 1, &err) == -1)
        usage(err.text);
    load.options = &options;
    load.questions = questions_new(&options.questions);
    load.scratch = xmalloc(SCRATCH_BYTES);
    open_conns(&load, &at);
    run(&load);
    close_conns(&load);
    questions_free(&load.questions);
    free(load.scratch);
    return 0;
}
