/* reloads.h - the reloads of one server, one at a time. A request that comes while a reload runs
 * waits for a second reload after it, because the running one may have read a file before that file
 * was changed. */
#ifndef PODOP_SERVER_RELOADS_H
#define PODOP_SERVER_RELOADS_H

#include "reload.h"

#include "podop/deferred.h"
#include "podop/protocol.h"

/* The functions of the server that its reloads need; arg is that of reloads_init(). */
struct reloads_ops {
    /* Returns what reload_start() needs, without report, check, done and arg. */
    struct reload_env (*begin)(void *arg);
    /* Returns -1 and fills err when config cannot be used by the running server. */
    int (*check)(void *arg, const struct config *config, struct error *err);
    /* Replaces the running configuration with *next, which is taken and cleared. Returns 0, or -1
     * with err filled and without any change. */
    int (*switch_to)(void *arg, struct reloaded *next, struct error *err);
    /* Called after each reload; status is 0 or -1. */
    void (*ended)(void *arg, int status);
    void (*fault)(void *arg, const char *text); /* called for each fault */
};

struct reloads {
    const struct reloads_ops *ops;
    void *arg;
    struct ev_loop *loop;
    struct log *log;
    struct reload *current;          /* the reload under way; NULL: none */
    struct list requests;            /* those that wait for the current reload */
    struct list later_requests;      /* those that wait for the reload after it */
    bool is_due;                     /* another reload begins after the current one */
    bool is_logged, is_later_logged; /* log the faults of the current, of the later reload */
    bool is_stopping;                /* no reload begins any more */
    struct deferred refusal;         /* refuses the requests that come while podop stops */
};

void reloads_init(struct reloads *reloads, const struct reloads_ops *ops, void *arg,
                  struct ev_loop *loop, struct log *log);
/* Begin a reload now, or after the current one. The first function has its faults logged, the other
 * one has them reported to request; see struct admin. */
void reloads_want_logged(struct reloads *reloads);
void reloads_want(struct reloads *reloads, struct reload_request *request);
/* Abandons the current reload. All waiting and later requests fail. */
void reloads_stop(struct reloads *reloads);
void reloads_deinit(struct reloads *reloads);

#endif
