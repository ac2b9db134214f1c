/* process.c - takes the place of src/backend/process/spawn.c. What the world does with a process is
 * told to podop by its pipes and its pidfd; a kill is told to the world by an event. */
#include "process.h"

#include "descriptor.h"
#include "faults.h"
#include "pipe_file.h"
#include "transcript.h"

#include "backend/process/spawn.h"
#include "podop/list.h"
#include "podop/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

struct program {
    struct list_node node;
    char *path;
    const struct sim_program_ops *ops;
    void *arg;
};

struct sim_process {
    struct list_node node;
    const struct program *program;
    pid_t pid;
    bool has_ended, was_reaped;
    bool is_kill_untold; /* the world was not told that podop has killed it */
    int status;
    struct stream_end *in, *out, *err; /* its ends */
    struct sim_event deliver, tell_killed;
    bool has_told_end;
    struct pidfd *pidfd; /* NULL: closed */
    void *data;
    char name[24];
};

/* The descriptor of a process. */
struct pidfd {
    struct sim_file file;
    struct sim_process *process; /* NULL: reaped */
};

static struct list programs = {{&programs.ring, &programs.ring}};
static struct list processes = {{&processes.ring, &processes.ring}};

size_t processes_count(void)
{
    size_t count = 0;

    LIST_FOR_EACH (node, &processes)
        count += !CONTAINER_OF(node, struct sim_process, node)->has_ended;
    return count;
}

/* Programs */

static struct program *find_program(const char *path)
{
    LIST_FOR_EACH (node, &programs) {
        struct program *program = CONTAINER_OF(node, struct program, node);

        if (strcmp(program->path, path) == 0)
            return program;
    }
    return NULL;
}

void sim_program(const char *path, const struct sim_program_ops *ops, void *arg)
{
    struct program *program = find_program(path);

    if (program == NULL) {
        program = xcalloc(1, sizeof(*program));
        program->path = xstrdup(path);
        list_append(&programs, &program->node);
    }
    program->ops = ops;
    program->arg = arg;
}

/* pidfd_open(2) */

static uint32_t pidfd_events(struct sim_file *file)
{
    const struct pidfd *p = CONTAINER_OF(file, struct pidfd, file);

    return p->process == NULL || p->process->has_ended ? EPOLLIN | EPOLLRDNORM : 0;
}

static void pidfd_free(struct sim_file *file)
{
    struct pidfd *p = CONTAINER_OF(file, struct pidfd, file);

    if (p->process != NULL)
        p->process->pidfd = NULL;
    free(p);
}

static const struct file_ops pidfd_ops = {
    .name = "pidfd", .events = pidfd_events, .free = pidfd_free};

static int pidfd_open(struct sim_process *process)
{
    struct pidfd *p = xcalloc(1, sizeof(*p));
    int fd;

    file_init(&p->file, &pidfd_ops, O_RDWR);
    fd = descriptor_open(&p->file, DESCRIPTOR_FIRST);
    if (fd < 0) {
        free(p);
        return fd;
    }
    p->process = process;
    process->pidfd = p;
    return fd;
}

/* The end */

static void free_if_over(struct sim_process *process)
{
    if (!process->was_reaped || process->is_kill_untold)
        return;
    list_remove(&process->node);
    if (process->pidfd != NULL)
        process->pidfd->process = NULL;
    free(process);
}

void processes_reap(void)
{
    LIST_FOR_EACH_SAFE (node, &processes) {
        struct sim_process *process = CONTAINER_OF(node, struct sim_process, node);

        process->was_reaped |= process->has_ended;
        free_if_over(process);
    }
}

static void end(struct sim_process *process, int status)
{
    transcript_note(process->name, "ends with", status);
    process->has_ended = true;
    process->status = status;
    sim_event_stop(&process->deliver);
    stream_close(process->in);
    stream_close(process->out);
    stream_close(process->err);
    if (process->pidfd != NULL)
        file_wake(&process->pidfd->file);
}

void sim_process_exit(struct sim_process *process, int status)
{
    end(process, status);
}

static void tell_killed(void *arg)
{
    struct sim_process *process = arg;

    process->is_kill_untold = false;
    process->program->ops->killed(process->program->arg, process);
    free_if_over(process);
}

/* Input */

static void deliver(void *arg)
{
    struct sim_process *process = arg;
    const struct program *program = process->program;
    const struct span arrived = flow_arrived(&process->in->in);
    size_t taken;

    if (arrived.len > 0) {
        transcript_bytes(process->name, "reads", arrived.ptr, arrived.len);
        taken = program->ops->input(program->arg, process, arrived.ptr, arrived.len);
        if (process->has_ended)
            return;
        stream_discard(process->in, taken);
    }
    if (process->in->in.arrived > 0 || !stream_is_at_end(process->in) || process->has_told_end)
        return;
    process->has_told_end = true;
    program->ops->input_end(program->arg, process);
}

static void on_input(void *arg)
{
    struct sim_process *process = arg;

    if (!process->has_ended)
        sim_event_in(&process->deliver, 0);
}

static void ignore(void *arg)
{
    (void)arg;
}

static const struct stream_owner_ops input_ops = {on_input, ignore};

static size_t write_to(struct stream_end *to, struct sim_process *process, const char *what,
                       const void *bytes, size_t len)
{
    const ssize_t n = stream_send(to, bytes, len);

    if (n > 0)
        transcript_bytes(process->name, what, bytes, (size_t)n);
    return n > 0 ? (size_t)n : 0;
}

size_t sim_process_write(struct sim_process *process, const void *bytes, size_t len)
{
    return write_to(process->out, process, "writes", bytes, len);
}

size_t sim_process_log(struct sim_process *process, const void *bytes, size_t len)
{
    return write_to(process->err, process, "logs", bytes, len);
}

void sim_process_set(struct sim_process *process, void *data)
{
    process->data = data;
}

void *sim_process_data(const struct sim_process *process)
{
    return process->data;
}

/* spawn.h */

static struct stream *open_pipe(void)
{
    static const struct sim_route none;

    return stream_new(STREAM_PIPE, &none);
}

static struct sim_process *process_new(const struct program *program)
{
    static pid_t last_pid = 2000;
    struct sim_process *process = xcalloc(1, sizeof(*process));

    process->program = program;
    process->pid = ++last_pid;
    snprintf(process->name, sizeof(process->name), "process %d", (int)process->pid);
    sim_event_init(&process->deliver, deliver, process);
    sim_event_init(&process->tell_killed, tell_killed, process);
    process->in = &open_pipe()->ends[0];
    process->out = &open_pipe()->ends[1];
    process->err = &open_pipe()->ends[1];
    stream_own(process->in, &input_ops, process);
    return process;
}

/* Opens podop's ends of the pipes, and the pidfd. Returns 0 or a negative errno. */
static int open_descriptors(struct sim_process *process, struct spawned *s)
{
    int *const fds[] = {&s->in, &s->out, &s->err, &s->pidfd};
    struct stream_end *const ends[] = {process->in->other, process->out->other,
                                       process->err->other};

    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        *fds[i] = i < ARRAY_LEN(ends) ? pipe_file_open(ends[i], O_NONBLOCK) : pidfd_open(process);
        if (*fds[i] >= 0)
            continue;
        for (size_t j = 0; j < i; j++)
            descriptor_close(*fds[j]);
        for (size_t j = i; j < ARRAY_LEN(ends); j++)
            stream_close(ends[j]);
        return *fds[i];
    }
    return 0;
}

static int start(struct sim_process *process, struct spawned *s, char *const argv[])
{
    const int failure = process->program->ops->started(process->program->arg, process, argv);
    int status;

    s->pid = process->pid;
    list_append(&processes, &process->node);
    if (failure == 0)
        return 0;
    end(process, 127 << 8);
    for (const int *fd = (const int[]){s->in, s->out, s->err, s->pidfd, -1}; *fd != -1; fd++)
        descriptor_close(*fd);
    spawn_reap(s, &status);
    return failure;
}

static void discard(struct sim_process *process)
{
    stream_close(process->in);
    stream_close(process->out);
    stream_close(process->err);
    free(process);
}

static int fail(struct error *err, int number, const char *what, const char *path)
{
    transcript_note(path, "does not start:", number);
    errno = number;
    return error_errno(err, "cannot %s %.200s", what, path);
}

int spawn(struct spawned *s, const char *path, char *const argv[], size_t max_response,
          struct error *err)
{
    static const int process_errors[] = {EAGAIN, ENOMEM}, descriptor_errors[] = {EMFILE, ENFILE};
    const struct program *program = find_program(path);
    int failure = fault_error(FAULT_NO_DESCRIPTOR, descriptor_errors, 2);
    struct sim_process *process;

    (void)max_response;
    if (failure != 0)
        return fail(err, failure, "open pipes for", path);
    failure = program == NULL ? ENOENT : fault_error(FAULT_NO_PROCESS, process_errors, 2);
    if (failure != 0)
        return fail(err, failure, "start", path);
    process = process_new(program);
    failure = -open_descriptors(process, s);
    if (failure != 0) {
        discard(process);
        return fail(err, failure, "open pipes for", path);
    }
    transcript_note(process->name, "starts", process->pid);
    failure = start(process, s, argv);
    return failure == 0 ? 0 : fail(err, failure, "start", path);
}

static struct sim_process *find_process(pid_t pid)
{
    LIST_FOR_EACH (node, &processes) {
        struct sim_process *process = CONTAINER_OF(node, struct sim_process, node);

        if (process->pid == pid && !process->was_reaped)
            return process;
    }
    return NULL;
}

void spawn_kill(const struct spawned *s)
{
    struct sim_process *process = find_process(s->pid);

    if (process == NULL || process->has_ended)
        return;
    end(process, SIGKILL);
    process->is_kill_untold = true;
    sim_event_in(&process->tell_killed, 0);
}

bool spawn_reap(const struct spawned *s, int *status)
{
    struct sim_process *process = find_process(s->pid);

    if (process != NULL && !process->has_ended)
        return false;
    *status = process == NULL ? 0 : process->status;
    if (process != NULL) {
        process->was_reaped = true;
        free_if_over(process);
    }
    return true;
}
