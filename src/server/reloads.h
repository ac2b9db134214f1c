/* reloads.h - the reloads of one server: one at a time, and whoever asks for one meanwhile waits
 * for the next, which begins after it: what was changed on disk while files were being read is for
 * that one. */
#ifndef PODOP_SERVER_RELOADS_H
#define PODOP_SERVER_RELOADS_H

#include "reload.h"

#include "podop/protocol.h"

#include <ev.h>

/* What the server does for them; arg is the reloads' own. */
struct reloads_ops {
    struct reload_env (*begin)(void *arg); /* report, check, done and arg are filled later */
    int (*check)(void *arg, const struct config *config, struct error *err);
    /* Goes on with *next, taken and cleared: 0, or -1 and nothing has changed. */
    int (*switch_to)(void *arg, struct reloaded *next, struct error *err);
    void (*ended)(void *arg, int status);
};

struct reloads {
    const struct reloads_ops *ops;
    void *arg;
    struct ev_loop *loop;
    struct log *log;
    struct reload *current;               /* under way; NULL: none */
    struct list requests, later_requests; /* that wait for it, and for the one after it */
    bool is_due;                          /* there is to be one after it */
    bool is_logged, is_later_logged;      /* faults of the one, of the other are for the log */
    bool is_stopping;                     /* none begins any more */
    ev_prepare refuse;                    /* never started, only fed: what is due is refused */
};

void reloads_init(struct reloads *reloads, const struct reloads_ops *ops, void *arg,
                  struct ev_loop *loop, struct log *log);
/* Begins a reload whose faults go to the log, or to request; see struct admin. */
void reloads_want_logged(struct reloads *reloads);
void reloads_want(struct reloads *reloads, struct reload_request *request);
/* The one under way is given up, and those who wait are told. */
void reloads_stop(struct reloads *reloads);
void reloads_deinit(struct reloads *reloads);

#endif
