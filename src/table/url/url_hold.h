/* url_hold.h - holds the end of a call that may be due to credentials or certificates whose files
 * have changed, until the files were read again. */
#ifndef PODOP_TABLE_URL_URL_HOLD_H
#define PODOP_TABLE_URL_URL_HOLD_H

#include "url_renewal.h"

#include "podop/http.h"

struct ev_loop;
struct url_hold;

/* The answer is that of url_hold_new(), without its body and what is said of it; borrowed. The hold
 * is gone already. */
typedef void url_hold_fn(void *arg, const struct http_answer *answer);

/* over is called once, from the loop, when the files were read, or at until_ms of the service
 * clock, or after a second. */
struct url_hold *url_hold_new(struct url_renewal *renewal, const struct http_answer *answer,
                              struct ev_loop *loop, uint64_t until_ms, url_hold_fn *over,
                              void *arg);
void url_hold_free(struct url_hold **hold); /* over is not called any more; NULL is fine */

#endif
