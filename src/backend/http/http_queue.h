/* http_queue.h - the turns of a host's calls: at most max_connections of them are in flight, the
 * others wait in order of arrival. While others wait, a stream whose reader takes nothing for a
 * long time has to give up its place. Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_QUEUE_H
#define PODOP_BACKEND_HTTP_HTTP_QUEUE_H

#include "podop/list.h"
#include "podop/settings.h"

struct http_queue {
    const struct pool_config *pool; /* borrowed */
    uint32_t in_flight;
    uint32_t waiting_count;
    struct list waiting; /* of turns, the oldest first */
    struct list blocked; /* turns of streams whose reader takes nothing, the oldest first */
};

/*
 *  WAITING -- begin() --> IN_FLIGHT -- http_turn_end() --> ENDED
 *     |                                                      ^
 *     +-- refuse(), or http_turn_end() ----------------------+
 */
enum http_turn_state {
    HTTP_TURN_ENDED, /* or not begun */
    HTTP_TURN_WAITING,
    HTTP_TURN_IN_FLIGHT,
};

struct http_turn;

/* Called from any function below that takes a queue or a turn, but http_turn_end(). */
struct http_turn_events {
    bool (*is_wanted)(struct http_turn *turn); /* whether it should still begin after a wait */
    void (*begin)(struct http_turn *turn);
    void (*refuse)(struct http_turn *turn);    /* is_wanted() said no; its state is ENDED */
    bool (*is_unread)(struct http_turn *turn); /* whether its reader waits for a client of podop */
    void (*give_up)(struct http_turn *turn);   /* its place is needed; its owner must end it soon */
};

/* The memory belongs to the owner. Zeroed but for events: ENDED. */
struct http_turn {
    const struct http_turn_events *events;
    struct http_queue *queue;
    enum http_turn_state state;
    struct list_node waiting, blocked; /* in the lists of queue */
    bool may_give_up;                  /* it has been blocked for long */
};

void http_queue_init(struct http_queue *queue, const struct pool_config *pool);

/* Joins the queue; begin() may be called before this returns. Returns false when max_waiting turns
 * wait already. */
bool http_turn_start(struct http_turn *turn, struct http_queue *queue);
/* Leaves the queue. Returns whether the turn was in flight. The others are not begun before
 * http_queue_run(). */
bool http_turn_end(struct http_turn *turn);

/* Begins as many of the waiting turns as the pool allows. */
void http_queue_run(struct http_queue *queue);

/* Notes that the reader of a stream takes nothing. Returns false if that was known. */
bool http_turn_block(struct http_turn *turn);
/* undoes http_turn_block() and http_turn_let_give_up() */
void http_turn_unblock(struct http_turn *turn);
/* Lets the blocked turn give up its place as soon as another needs it. */
void http_turn_let_give_up(struct http_turn *turn);

#endif
