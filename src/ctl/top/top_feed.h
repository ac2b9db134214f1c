/* top_feed.h - asks podop for its counters again and again over one connection, and makes a new one
 * when podop went away. Private to podopctl. */
#ifndef PODOP_CTL_TOP_TOP_FEED_H
#define PODOP_CTL_TOP_TOP_FEED_H

#include "ctl/channel.h"

struct top_feed {
    const char *where; /* borrowed */
    uint32_t timeout_ms;
    struct channel channel;
    bool is_open, is_asked;
};

void top_feed_init(struct top_feed *feed, const char *where, uint32_t timeout_ms);
void top_feed_deinit(struct top_feed *feed);

/* Sends a request, over a new connection if there is none. No-op while an answer is due. Returns 0,
 * or -1. */
int top_feed_ask(struct top_feed *feed, struct error *err);

/* Waits until something happens, or the descriptor other is readable (-1: none); without a
 * connection, until other is. *has_answer says whether the whole answer has come; *answer is
 * borrowed then until the next call. Returns 0, or -1 after the connection was closed. */
int top_feed_wait(struct top_feed *feed, int other, bool *has_answer, struct span *answer,
                  struct error *err);

#endif
