/* kernel.h - the modelled kernel under the simulated podop: time, descriptors, sockets, threads and
 * processes. interpose.c gives libc's names to it; the world uses this header.
 *
 * Everything runs in one thread at a time. The world acts in events only: functions that run at an
 * instant of virtual time, between two turns of podop's loop. All choices come from the seed. */
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Random numbers: each actor has its own stream, so that leaving one out changes no other. */

struct sim_random {
    uint64_t state;
};

struct sim_random sim_random_of(const char *name);              /* a stream of this run's seed */
uint64_t sim_random(struct sim_random *random, uint64_t bound); /* 0 to bound - 1 */
bool sim_chance(struct sim_random *random, double share);       /* true with this probability */
double sim_random_unit(struct sim_random *random);              /* 0 <= x < 1 */
uint64_t sim_seed(void);

/* Time in nanoseconds. The monotonic clock begins at a number of the seed's choice, not at 0. Each
 * system call of podop takes a little, which the seed chooses, too. */

int64_t sim_now(void);
int64_t sim_real_now(void); /* the machine's own monotonic clock, to measure the simulation */
int64_t sim_wall_now(void);
void sim_wall_step(int64_t by_ns); /* the wall clock is set, forward or back */

typedef void sim_event_fn(void *arg);

struct sim_event {
    int64_t at_ns;
    sim_event_fn *run;
    void *arg;
    size_t place;    /* in the heap, from 1; 0: not waiting */
    uint64_t number; /* of two at the same instant, the one that was added first runs first */
};

void sim_event_init(struct sim_event *event, sim_event_fn *run, void *arg);
void sim_event_at(struct sim_event *event, int64_t at_ns); /* replaces an earlier instant */
void sim_event_in(struct sim_event *event, int64_t ns);
void sim_event_stop(struct sim_event *event);

/* podop computes: the clock moves by so much at its next call of clock_gettime() or epoll_wait(),
 * as a slow turn or a SIGSTOP of this length does. What the world does meanwhile arrives. */
void sim_pause_podop(int64_t ns);

/* Connections. An address is "/path" of a unix socket, or "ADDRESS:PORT" or "[ADDRESS]:PORT". */

struct sim_peer; /* the world's end of a connection */

enum sim_end {
    SIM_FIN,   /* no more bytes come from podop, after those that were delivered */
    SIM_RESET, /* the connection is gone in both directions */
};

struct sim_peer_ops {
    /* Bytes arrived. Returns how many of them were taken; the others are shown again with more. */
    size_t (*data)(void *arg, const char *bytes, size_t len);
    void (*end)(void *arg, enum sim_end how); /* of podop's direction; at most once */
    void (*room)(
        void *arg); /* sim_peer_send() can take bytes again, after it took fewer than given */
};

/* How bytes and connections travel. Zero: at once, whole. */
struct sim_route {
    int64_t delay_ns;  /* of each segment, one way */
    int64_t jitter_ns; /* up to so much more, never out of order */
    size_t segment;    /* at most so many bytes arrive at an instant; 0: no limit */
    size_t window;     /* so many bytes may be on the way or unread; 0: 212,992 */
    bool is_dead;      /* what is sent now or later waits until it lives again */
    double cut;        /* the share of segments that arrive in random pieces */
};

/* A server of the world. connected() gives the ops and arg of a new connection, or returns false to
 * reset it. */
typedef bool sim_connected_fn(void *arg, struct sim_peer *peer);
struct sim_server;
struct sim_server *sim_serve(const char *address, sim_connected_fn *connected, void *arg);
/* New connections are refused, old ones stay. Returns how many it had not accepted yet: they are
 * reset, as the kernel does. */
size_t sim_server_stop(struct sim_server **server);
void sim_server_freeze(struct sim_server *server, bool is_frozen); /* connections wait unaccepted */
void sim_server_drop(struct sim_server *server, bool drops); /* connect() gets no answer at all */
void sim_server_route(struct sim_server *server, struct sim_route route); /* of new connections */

/* A client of the world. Returns NULL with errno (ECONNREFUSED, EAGAIN: backlog full). ops may be
 * called from the next event on. */
struct sim_peer *sim_connect(const char *address, const struct sim_peer_ops *ops, void *arg,
                             struct sim_route route);

/* The same from another address than 127.0.0.1 or ::1, for TCP. */
struct sim_peer *sim_connect_from(const char *from, const char *address,
                                  const struct sim_peer_ops *ops, void *arg,
                                  struct sim_route route);

void sim_peer_set(struct sim_peer *peer, const struct sim_peer_ops *ops, void *arg);
size_t sim_peer_send(struct sim_peer *peer, const void *bytes, size_t len); /* how many it took */
void sim_peer_shut(struct sim_peer *peer);   /* sends FIN after what was sent; still receives */
void sim_peer_close(struct sim_peer **peer); /* as close(2): a reset if bytes are unread */
void sim_peer_reset(struct sim_peer **peer);
/* The peer's host has started anew, and knows nothing of the connection. From now on, it is reached
 * by this route. late(arg) tells that podop has sent something, and gets a reset. */
void sim_peer_forget(struct sim_peer **peer, struct sim_route route, sim_event_fn *late, void *arg);
bool sim_peer_is_alone(const struct sim_peer *peer);     /* podop has closed its end */
void sim_peer_hold(struct sim_peer *peer, bool is_held); /* reads nothing: podop's sends fill up */
size_t sim_peer_unsent(const struct sim_peer *peer);     /* bytes that podop has not read yet */
size_t sim_peer_room(const struct sim_peer *peer); /* how many bytes sim_peer_send() takes now */
void sim_peer_route(struct sim_peer *peer, struct sim_route route); /* from now on */

/* Datagrams, for name servers. */
struct sim_port;
typedef void sim_datagram_fn(void *arg, const char *from, const char *bytes, size_t len);
struct sim_port *sim_port_open(const char *address, sim_datagram_fn *arrived, void *arg);
void sim_port_close(struct sim_port **port); /* podop gets ECONNREFUSED from then on */
void sim_port_send(struct sim_port *port, const char *to, const void *bytes, size_t len,
                   int64_t delay_ns);

/* Programs. started() gives the ops of the process's standard input (data, end), and may refuse
 * with an errno of execve(2), else 0. */
struct sim_process;
struct sim_program_ops {
    int (*started)(void *arg, struct sim_process *process, char *const argv[]);
    size_t (*input)(void *arg, struct sim_process *process, const char *bytes, size_t len);
    void (*input_end)(void *arg, struct sim_process *process);
    void (*killed)(void *arg, struct sim_process *process); /* by podop; it is gone */
};
void sim_program(const char *path, const struct sim_program_ops *ops, void *arg);
size_t sim_process_write(struct sim_process *process, const void *bytes, size_t len);
size_t sim_process_log(struct sim_process *process, const void *bytes, size_t len); /* stderr */
void sim_process_exit(struct sim_process *process, int status); /* a wait status */
void sim_process_set(struct sim_process *process, void *data);
void *sim_process_data(const struct sim_process *process);

/* Files lie in a real directory. A change of the world is told here, for inotify. Writes the file
 * anew: in place, or by rename(2) over it. text NULL removes it. */
enum sim_file_how { SIM_IN_PLACE, SIM_RENAME };
void sim_file_write(const char *path, const char *text, enum sim_file_how how);

/* podop's /etc/resolv.conf and /etc/hosts are in this directory, which is copied. */
void sim_etc(const char *directory);

/* Signals arrive at podop before its next turn. */
void sim_signal(int number);

/* podop's standard error. While it blocks, writes to it wait, as a pipe that nobody reads. */
void sim_log_block(bool is_blocked);
typedef void sim_log_fn(void *arg, const char *line); /* each line of the log, without its end */
void sim_log_read(sim_log_fn *line, void *arg);

/* Failures of system calls, each a probability of one call. They are chosen by a stream of their
 * own. Only failures that the real call can have then are made. */
struct sim_call_faults {
    double would_block;   /* EAGAIN although there are bytes or room; the event comes again */
    double interrupted;   /* EINTR where the call can have it */
    double short_count;   /* fewer bytes than possible */
    double send_fails;    /* ECONNRESET or EPIPE: the connection is reset */
    double no_memory;     /* ENOMEM, ENOBUFS of socket(), accept4(), send() */
    double no_descriptor; /* EMFILE, ENFILE of socket(), accept4(), open(), pipe2() */
    double spurious;      /* a readiness event although nothing is ready */
    double connect_fails; /* ENETUNREACH, EADDRNOTAVAIL, EHOSTUNREACH of connect() */
    double no_thread;     /* EAGAIN of pthread_create() */
    double no_process;    /* EAGAIN, ENOMEM of vfork() */
    double late_thread;   /* a runnable thread waits for another turn */
};
void sim_call_faults(struct sim_call_faults faults);
/* The name of a member of the struct above and how often it has happened; NULL after the last. */
const char *sim_fault_hits(size_t index, uint64_t *count);
/* How many descriptors podop may have: the hard limit of RLIMIT_NOFILE, from the next getrlimit()
 * on. */
void sim_descriptors_limit(size_t count);

/* The run */

void sim_begin(uint64_t seed); /* once a process, before anything else */

/* podop's process has ended: a thread that hangs in a write to a blocked log ends with it, and what
 * it has not written is lost; zombies are reaped. */
void sim_podop_ended(void);

/* Lets the world act for so long while podop does not run, as between two lives of it. */
void sim_run_for(int64_t ns);

/* Has turn called between two turns of podop's loop, after all events that are due. */
void sim_on_turn(sim_event_fn *turn, void *arg);

/* What podop holds now, for the bounds. */
struct sim_usage {
    size_t descriptors;             /* modelled ones */
    size_t processes, threads;      /* that run: zombies are not counted */
    uint64_t turns, calls;          /* since sim_begin(); system calls */
    uint64_t calls_of_longest_turn; /* the most of one turn */
    uint64_t allocated;             /* bytes of malloc() in use, 0 where it is not known */
};
struct sim_usage sim_usage(void);

/* The transcript: one line of what happened, with the virtual time before it. Lines are made only
 * after sim_trace_keep(true), which keeps the last thousands of them for sim_broken() to print, or
 * sim_trace_at_once(true): making them costs more than the model itself. A run that fails without
 * is repeated with them. The hash is always made, of what was sent and received and when: two runs
 * of a seed have the same. */
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sim_trace_bytes(const char *what, const void *bytes, size_t len); /* escaped, cut at 120 */
void sim_trace_print(void);
void sim_trace_keep(bool is_on);
void sim_trace_at_once(bool is_on);
uint64_t sim_transcript_hash(void);

/* A broken promise: prints it, the seed and the transcript, and ends the process with status 1. The
 * kind is a short fixed text, by which the shrinker knows the same fault again. */
_Noreturn void sim_broken(const char *kind, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
