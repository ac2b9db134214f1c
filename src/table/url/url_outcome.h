/* url_outcome.h - reports the outcome of a request at the chosen URL of its route, which decides
 * which URLs are suspended. */
#ifndef PODOP_TABLE_URL_URL_OUTCOME_H
#define PODOP_TABLE_URL_URL_OUTCOME_H

#include "url_route.h"

#include "podop/http.h"

/* Reports that the request is sent to the chosen URL, for the first time or again. When it has
 * ended or is cancelled, url_outcome_ended() must follow; and then, unless it is cancelled, one of
 * the functions below. */
void url_outcome_asked(struct url_route *route);
void url_outcome_ended(struct url_route *route);
/* Reports first that the chosen address failed or was slow to connect, and that the request went to
 * another one of the same name. That one is chosen from now on. */
void url_outcome_moved(struct url_route *route, const struct endpoint *to);

void url_outcome_success(struct url_route *route); /* found, or a miss that can be trusted */
/* Reports a status of failure: another URL may answer well. */
void url_outcome_failure(struct url_route *route, const char *why);
/* Reports an answer that cannot be used: the URL is alive. */
void url_outcome_bad_response(struct url_route *route, const char *why);
/* Reports that no whole answer came. */
void url_outcome_no_response(struct url_route *route, const struct http_answer *answer,
                             const char *why);
/* Reports that the key would leave the path of the chosen URL. */
void url_outcome_skip(struct url_route *route);

/* Reports that the request has failed, or is answered with a stale value. A refused connection
 * then counts as a failure only if the URL has refused connections for about the table's
 * timeout, because this request may have spent its time elsewhere, or may not have waited. */
void url_outcome_give_up(struct url_route *route);

#define URL_QUEUE_FULL "too many requests wait for a connection to the backend"
#define URL_KEY_LIMIT_REACHED "too many requests for this key are under way"
#define URL_NO_PLACE "the key would leave the path of this URL, and other URLs failed"

/* Returns the reason of the last failure at any of the URLs; borrowed. */
const char *url_outcome_reason(const struct url_route *route);
/* Logs that the request fails because all URLs are suspended. Returns the reason, which is in
 * text. */
enum { URL_SUSPENDED_BYTES = URL_REASON_BYTES + 80 };
const char *url_outcome_suspended(const struct url_route *route, char text[URL_SUSPENDED_BYTES]);

#endif
