/* web_body.h - bytes that several answers share, in pieces, so that no step with them is long.
 * Reference-counted, in the loop only. */
#ifndef PODOP_MONITOR_WEB_BODY_H
#define PODOP_MONITOR_WEB_BODY_H

#include "podop/span.h"

struct web_body {
    unsigned refs;
    size_t len;    /* bytes */
    char **pieces; /* of WEB_PIECE_BYTES each */
    size_t piece_count;
};

enum { WEB_PIECE_BYTES = 64 * 1024 };

struct web_body *web_body_new(void); /* empty, with the first reference */
struct web_body *web_body_of(struct span bytes);
void web_body_add(struct web_body *body, struct span bytes);
struct web_body *web_body_ref(struct web_body *body);
void web_body_unref(struct web_body **body); /* *body becomes NULL; a NULL *body is fine */

/* Returns the bytes from a place on, up to the end of their piece. at must be below len. */
struct span web_body_at(const struct web_body *body, size_t at);

#endif
