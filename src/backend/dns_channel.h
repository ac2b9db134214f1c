/* dns_channel.h - questions to one name server: the only door to c-ares. No type of it shows here.
 * Private to src/backend. */
#ifndef PODOP_BACKEND_DNS_CHANNEL_H
#define PODOP_BACKEND_DNS_CHANNEL_H

#include "podop/dns_answer.h"
#include "podop/endpoint.h"
#include "podop/error.h"

struct ev_loop;
struct dns_channel;

enum dns_result_kind {
    DNS_RESULT_MESSAGE,     /* some answer to the question, whatever it is worth */
    DNS_RESULT_NO_NAME,     /* there is never such a name (.onion, RFC 7686); nobody was asked */
    DNS_RESULT_UNREACHABLE, /* the network says that nobody is there */
    DNS_RESULT_SILENT,      /* all tries are over */
    DNS_RESULT_FAILED,      /* c-ares itself cannot ask; reason says why */
};

struct dns_result {
    enum dns_result_kind kind;
    struct span message; /* borrowed */
    const char *reason;  /* static */
};

typedef void dns_channel_fn(void *arg, const struct dns_result *result);

/* NULL with the reason in err. */
struct dns_channel *dns_channel_open(struct ev_loop *loop, const struct endpoint *server,
                                     struct error *err);
/* Questions that are under way are answered first, with DNS_RESULT_FAILED. */
void dns_channel_close(struct dns_channel **channel);

/* done runs once, maybe before this returns; it may ask other channels, but not close this one. A
 * question cannot be taken back. */
void dns_channel_ask(struct dns_channel *channel, const char *name, enum dns_type type,
                     dns_channel_fn *done, void *arg);

const char *dns_channel_version(void); /* of the library: "1.18.1" */

#endif
