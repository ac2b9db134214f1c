/* url_outcome.h - reports what became of a request at the chosen URL of its route, and so decides
 * which URLs are suspended. */
#ifndef PODOP_TABLE_URL_URL_OUTCOME_H
#define PODOP_TABLE_URL_URL_OUTCOME_H

#include "url_route.h"

#include "podop/http.h"

/* The request is sent to the chosen URL, for the first time or again. One of those below follows,
 * unless the request is cancelled. */
void url_outcome_asked(struct url_route *route);

void url_outcome_success(struct url_route *route); /* found, or a miss that can be trusted */
/* A status of failure: another URL may answer well. */
void url_outcome_failure(struct url_route *route, const char *why);
/* The URL is alive, but its answer cannot be used. */
void url_outcome_bad_response(struct url_route *route, const char *why);
/* No whole answer came. */
void url_outcome_no_response(struct url_route *route, const struct http_answer *answer,
                             const char *why);
/* The chosen URL has no place for the key. */
void url_outcome_skip(struct url_route *route);

/* The request has failed, or is answered with a stale value. A refused connection counts as a
 * failure of a URL that has refused for as long as a request waits: this request may have lost its
 * time elsewhere, or may not have waited. */
void url_outcome_give_up(struct url_route *route);

#define URL_QUEUE_FULL "too many requests wait for a connection to the backend"
#define URL_KEY_LIMIT_REACHED "too many requests for this key are under way"
#define URL_NO_PLACE "the key would leave the path of this URL, and other URLs failed"

/* The reason of the failure that happened last at any of the URLs; borrowed. */
const char *url_outcome_reason(const struct url_route *route);
/* The request fails at once because no URL may be asked. Returns the reason, which is in text. */
enum { URL_SUSPENDED_BYTES = URL_REASON_BYTES + 80 };
const char *url_outcome_suspended(const struct url_route *route, char text[URL_SUSPENDED_BYTES]);

#endif
