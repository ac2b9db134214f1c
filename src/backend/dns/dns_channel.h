/* dns_channel.h - queries to one name server through c-ares, which no other file uses. Private
 * to src/backend/dns. */
#ifndef PODOP_BACKEND_DNS_DNS_CHANNEL_H
#define PODOP_BACKEND_DNS_DNS_CHANNEL_H

#include "podop/dns_answer.h"
#include "podop/endpoint.h"
#include "podop/error.h"

struct ev_loop;
struct dns_channel;

enum dns_result_kind {
    DNS_RESULT_MESSAGE,     /* an answer to the query, useful or not */
    DNS_RESULT_NO_NAME,     /* the name cannot exist (.onion, RFC 7686); nothing was sent */
    DNS_RESULT_UNREACHABLE, /* the network reports that nothing listens there */
    DNS_RESULT_SILENT,      /* no try was answered */
    DNS_RESULT_FAILED,      /* c-ares cannot send the query; see reason */
};

struct dns_result {
    enum dns_result_kind kind;
    struct span message; /* borrowed */
    const char *reason;  /* static */
};

typedef void dns_channel_fn(void *arg, const struct dns_result *result);

/* Returns NULL with the reason in err. */
struct dns_channel *dns_channel_open(struct ev_loop *loop, const struct endpoint *server,
                                     struct error *err);
/* Ends the queries in progress with DNS_RESULT_FAILED. */
void dns_channel_close(struct dns_channel **channel);

/* Queries the records of a name. done is called once, possibly before this returns; it must not
 * close the channel. A query cannot be cancelled. */
void dns_channel_query(struct dns_channel *channel, const char *name, enum dns_type type,
                       dns_channel_fn *done, void *arg);

const char *dns_channel_version(void); /* of the library: "1.18.1" */

#endif
