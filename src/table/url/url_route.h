/* url_route.h - which URL of a table a request is sent to next. What each answer says about its URL
 * is reported with url_outcome.h. With balance = "spread", each address of a URL counts as a URL of
 * its own (url_places.h), and reads are shared between them; writes keep to the order of the list,
 * so that the writes to one key go to one server.
 *
 * A URL that failed too often is suspended (breaker.h): only trials are sent to it. A lookup takes
 * the first URL of the list that is not suspended or can be tried. Other requests risk more by a
 * trial, so they try a URL only when they would fail otherwise. A URL that is suspended because of
 * its answers is alive, so it is asked when all others failed.
 *
 * A refused connection costs nothing, and a restart of the backend refuses connections for a
 * moment. A request that was refused by every URL waits, without a connection, and begins another
 * round. */
#ifndef PODOP_TABLE_URL_URL_ROUTE_H
#define PODOP_TABLE_URL_URL_ROUTE_H

#include "table/table_type.h"
#include "url_backend.h"
#include "url_health.h"

#include <ev.h>

enum {
    /* The time between two rounds is random, between these limits. */
    URL_REFUSED_WAIT_MIN_MS = 50,
    URL_REFUSED_WAIT_MAX_MS = 100,
};

typedef void url_route_resume_fn(void *arg);

struct url_route {
    struct url_backends *backends;
    const struct table_key *key; /* borrowed */
    uint64_t key_hash;           /* 0: not computed yet */
    size_t at, begin, end;       /* places; at == end: none is chosen */
    bool is_lookup;
    bool is_shared;      /* the next URL is drawn; otherwise it is the next one of the list */
    bool is_last_resort; /* a suspended URL is asked, because no other is left */
    bool has_waited;
    bool begins_round;       /* the marks belong to the round before */
    bool ignores_suspension; /* when all URLs are suspended, one of them is asked nevertheless */
    enum breaker_trial trial;
    uint64_t answers;     /* the number of answers that the URL had given when it was asked */
    unsigned char *marks; /* for each URL its outcome in this round; NULL: none yet */
    ev_timer wait;        /* until the next round; initialised when has_waited */
    url_route_resume_fn *resume;
    void *arg;
};

/* Initialises a zeroed route to the URLs of param. */
void url_route_init(struct url_route *route, struct url_backends *b, bool is_lookup);
void url_route_init_commit(struct url_route *route, struct url_backends *b); /* to commit_url */
/* Sets the key of the next request. It is borrowed until url_route_close() or the next call. */
void url_route_set_key(struct url_route *route, const struct table_key *key);
/* Ends the route, and drops an unfinished trial. May be called any number of times. */
void url_route_close(struct url_route *route);

uint64_t url_route_hash(struct url_route *route); /* of its key; never 0 */

/* Chooses a URL that has not failed in this round and may be asked: the first, or one that is
 * drawn. Returns false when there is none. */
bool url_route_take(struct url_route *route);
/* Waits for the next round when all URLs failed before anything was sent, because connections were
 * refused. resume is called after a moment, from the loop; url_route_take() begins the round.
 * Returns false when the failure is final or there is no time for another round. */
bool url_route_wait(struct url_route *route, uint64_t deadline_at_ms, url_route_resume_fn *resume,
                    void *arg);
const struct url_backend *url_route_backend(const struct url_route *route);
/* Returns the address that the request should go to, or NULL: any of the URL. */
const struct endpoint *url_route_address(const struct url_route *route);
/* Returns whether a URL is chosen and may be asked, for the first time or again. */
bool url_route_may_ask(const struct url_route *route);
/* Returns the time until which to wait for the chosen URL: an equal share of the time until
 * deadline_at_ms, because each URL that may be asked after it may need as long. All further
 * addresses of a URL count as one, so that a name with many addresses leaves time for each. */
uint64_t url_route_share(const struct url_route *route, uint64_t deadline_at_ms);

#endif
