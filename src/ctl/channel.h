/* channel.h - a connection to podop that moves bytes in both directions, with a timeout. It knows
 * no protocol. Private to podopctl. */
#ifndef PODOP_CTL_CHANNEL_H
#define PODOP_CTL_CHANNEL_H

#include "podop/buf.h"
#include "podop/error.h"

enum { CHANNEL_REPLY_BYTES_MAX = 64 * 1024 * 1024 };

struct channel {
    int fd;
    const char *where;  /* borrowed */
    struct buf out, in; /* bytes to send; received bytes, which the caller drops once decoded */
    uint32_t timeout_ms;
    uint64_t waits_since_ms; /* when the wait for an answer began; 0: no answer is due */
    bool is_send_closed;     /* podop reads no more, but may still send answers */
    bool has_ended;          /* podop has closed the connection */
};

/* Resolves where and connects, with timeout_ms for each address. setting is the one of podop.conf
 * that makes the socket, "listen" or "control", for a message. Returns 0, or -1. */
int channel_open(struct channel *c, const char *where, const char *setting, uint32_t timeout_ms,
                 struct error *err);
void channel_close(struct channel *c);

/* Waits until bytes were sent or received, or the descriptor other is readable (-1: none). While
 * an answer is due, timeout_ms without a byte is an error. The end of the connection always is. */
int channel_wait(struct channel *c, bool is_answer_due, int other, bool *is_other_ready,
                 struct error *err);

#endif
