/* race.h - one connection to one of several addresses (RFC 8305 section 5): they are tried one
 * after the other, each a while after the one before or as soon as that has failed, and the first
 * that connects wins. Private to src/backend. */
#ifndef PODOP_BACKEND_RACE_H
#define PODOP_BACKEND_RACE_H

#include "podop/endpoint.h"

#include <ev.h>

#include <stddef.h>
#include <sys/un.h>

enum {
    RACE_ADDRESSES_MAX = 40,
    RACE_DELAY_MS = 250,    /* RFC 8305's Connection Attempt Delay */
    RACE_DELAY_MIN_MS = 10, /* its lower limit */
};

struct race;
struct race_runner;

/* Some attempt has ended: the race may be won, or lost. From the loop. */
typedef void race_event_fn(struct race *race);

struct race_runner {
    struct race *race;
    struct endpoint at; /* or unix_path */
    const char *unix_path;
    ev_io io;           /* fd -1: not connecting */
    int error;          /* 0: none so far */
    bool has_no_socket; /* error is podop's own trouble, and says nothing of the address */
    bool is_slow;       /* the next one was started before it had answered */
};

/* Its owner's memory, for one connection. */
struct race {
    struct ev_loop *loop;
    race_event_fn *on_event;
    uint32_t user_timeout_ms; /* TCP_USER_TIMEOUT of the sockets */
    uint32_t delay_ms;
    ev_timer delay;
    size_t count, started, live;
    struct race_runner *winner; /* NULL: not yet */
    struct race_runner runners[RACE_ADDRESSES_MAX];
};

void race_init(struct race *race, struct ev_loop *loop, uint32_t user_timeout_ms,
               race_event_fn *on_event);
/* The last to start, unless it takes part already or there is no room. */
void race_add(struct race *race, const struct endpoint *at);
void race_add_unix(struct race *race, const char *path); /* path is borrowed */

/* So that all start within the time that is left. */
uint32_t race_delay_ms(size_t count, uint64_t left_ms);

/* Starts who may start. The race may be won or lost when this returns; on_event is not called. */
void race_run(struct race *race, uint64_t left_ms);
/* Everybody who takes part has failed. */
static inline bool race_is_lost(const struct race *race)
{
    return race->winner == NULL && race->live == 0 && race->started == race->count;
}

/* Both ends of the connection are the same: what the kernel makes of a port of this machine that
 * nobody listens on, when it takes that very port for our end. */
bool race_meets_itself(int fd);

int race_take(struct race *race);  /* the winner's descriptor; the caller closes it */
void race_stop(struct race *race); /* closes the descriptors of all others */

/* "connect to 192.0.2.1:80: Connection refused, to [2001:db8::1]:80: ...", of all that failed or
 * have not answered yet; what does not fit is left out. */
void race_print(const struct race *race, char *text, size_t size);
/* Somebody said no: nobody listens, or it cannot take more just now. */
bool race_was_refused(const struct race *race);
/* No socket could be had, and that is the only reason. */
bool race_had_no_socket(const struct race *race);

#endif
