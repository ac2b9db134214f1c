/* race.h - connection racing, known as "Happy Eyeballs" (RFC 8305 section 5): makes one
 * connection to one of several addresses. The addresses are tried in order, each one after a
 * delay, or as soon as the previous one has failed. The first attempt that connects wins.
 * Addresses that refused are tried again while others do not answer, because a service that
 * restarts is back soon. Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_RACE_H
#define PODOP_BACKEND_HTTP_RACE_H

#include "podop/endpoint.h"

#include <ev.h>

#include <stddef.h>
#include <sys/un.h>

enum {
    RACE_ADDRESSES_MAX = 40,
    RACE_DELAY_MS = 250,    /* RFC 8305's Connection Attempt Delay */
    RACE_DELAY_MIN_MS = 10, /* its lower limit */
    RACE_AGAIN_MS = 100,    /* until addresses that were refused are tried again */
};

struct race;
struct race_attempt;

/* Called from the loop after an attempt has ended. The race may be won or lost. */
typedef void race_event_fn(struct race *race);

struct race_attempt {
    struct race *race;
    struct endpoint at; /* or unix_path */
    const char *unix_path;
    ev_io io;           /* fd -1: not connecting */
    int error;          /* errno of the last try; 0: it has not failed */
    bool has_no_socket; /* error is a local failure, and says nothing about the address */
    bool is_slow;       /* the next attempt began before this one had a result */
};

/* One connection to be made. The memory belongs to the owner. */
struct race {
    struct ev_loop *loop;
    race_event_fn *on_event;
    uint32_t user_timeout_ms; /* TCP_USER_TIMEOUT of the sockets */
    uint32_t delay_ms;
    ev_timer delay, again;
    size_t count, started, live; /* attempts: all, those begun, those in progress */
    struct race_attempt *winner; /* NULL: not yet */
    struct race_attempt attempts[RACE_ADDRESSES_MAX];
};

void race_init(struct race *race, struct ev_loop *loop, uint32_t user_timeout_ms,
               race_event_fn *on_event);
/* Appends an address, unless it is in the race already or the race is full. */
void race_add(struct race *race, const struct endpoint *at);
void race_add_unix(struct race *race, const char *path); /* path is borrowed */

/* Returns the delay that lets all attempts start within the time that is left. */
uint32_t race_delay_ms(size_t count, uint64_t left_ms);

/* Starts the next attempt if none is in progress, else schedules it. Does not call on_event: look
 * at winner and race_is_lost() afterwards. */
void race_run(struct race *race, uint64_t left_ms);
/* Returns whether all attempts have failed. True for an empty race. */
static inline bool race_is_lost(const struct race *race)
{
    return race->winner == NULL && race->live == 0 && race->started == race->count;
}

/* Returns whether a socket is connected to itself. That happens when a connection goes to a local
 * port without a listener, and the kernel chooses the same port as its source. */
bool race_is_self_connected(int fd);

int race_take(struct race *race);  /* returns the winner's descriptor, to be closed by the caller */
void race_stop(struct race *race); /* closes all other descriptors */

/* Writes "connect to 192.0.2.1:80: Connection refused, to [2001:db8::1]:80: ...". An attempt that
 * is still in progress counts as timed out. Attempts that do not fit are left out. */
void race_print(const struct race *race, char *text, size_t size);
/* Returns whether an attempt was refused: no listener, no such socket, or a full queue. */
bool race_was_refused(const struct race *race);
/* Returns whether all attempts failed because no socket could be created. */
bool race_had_no_socket(const struct race *race);

#endif
