/* channel.h - one connection to podop: bytes out, bytes in, and no wait without an end. Knows no
 * protocol. Private to podopctl. */
#ifndef PODOP_CTL_CHANNEL_H
#define PODOP_CTL_CHANNEL_H

#include "podop/buf.h"
#include "podop/error.h"

enum { CHANNEL_REPLY_BYTES_MAX = 64 * 1024 * 1024 }; /* whatever max_reply says there */

struct channel {
    int fd;
    const char *where;  /* borrowed */
    struct buf out, in; /* to be sent; what came, to be dropped by whoever understood it */
    uint32_t timeout_ms;
    uint64_t waits_since_ms; /* for what is owed; 0: nothing is */
    bool is_deaf;            /* takes no more bytes, but may still have answers for us */
    bool has_ended;          /* nothing comes any more */
};

/* Resolves where and connects; each address gets timeout_ms. 0, or -1. */
int channel_open(struct channel *c, const char *where, uint32_t timeout_ms, struct error *err);
void channel_close(struct channel *c);

/* Waits until bytes came or left, or other can be read (-1: no other), and moves what moves. While
 * is_owed, a wait of timeout_ms without a byte is an error, and so is the end of the connection. */
int channel_wait(struct channel *c, bool is_owed, int other, bool *is_other_ready,
                 struct error *err);

#endif
