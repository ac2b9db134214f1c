/* url_dots.h - finds the segments "." and ".." in the path of a URL while the URL is written. A
 * backend, or a proxy before it, removes such segments, so that the request leaves the path of the
 * template. The template's own escapes are decoded, because a backend may do that first. */
#ifndef PODOP_TABLE_URL_URL_DOTS_H
#define PODOP_TABLE_URL_URL_DOTS_H

#include "podop/span.h"

/* Zero-initialised: at the beginning of a path. */
struct url_dots {
    unsigned dots;    /* of the segment so far; more than two: it is not a dot segment */
    unsigned escaped; /* digits of an escape that are still to come */
    char digit;       /* the first one */
    bool is_at_query; /* the path is over */
    bool has_found;   /* a segment was "." or ".." */
};

/* Reads the next bytes: text of the template, or bytes of a key, percent-encoded. */
void url_dots_add_text(struct url_dots *d, struct span text);
void url_dots_add_key(struct url_dots *d, struct span encoded);
/* Ends the URL, and returns whether its path has a dot segment. */
bool url_dots_end(struct url_dots *d);

#endif
