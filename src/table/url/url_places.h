/* url_places.h - the places that the requests of a table may go to.
 *
 * With balance = "first", each URL is one place, and a connection tries the addresses of the URL's
 * name in turn. With balance = "spread", each known address of a URL's name is a place of its own,
 * so that each address has its own load, its own failures and its own circuit breaker. A URL
 * whose host is not a name, or whose name has not been resolved yet, is one place.
 *
 * The places of commit_url are not shared: it is one place, after all others. */
#ifndef PODOP_TABLE_URL_URL_PLACES_H
#define PODOP_TABLE_URL_URL_PLACES_H

#include "url_backend.h"

/* Follows the names: addresses that are new get places, and those that left lose theirs. Only for
 * a table with balance = "spread". */
void url_places_follow(struct url_backends *b);
/* Returns the end of the places that a lookup may use. */
size_t url_places_end(const struct url_backends *b);
/* Returns another place before end of the same URL with that address, or at if there is none. */
size_t url_places_find(const struct url_backends *b, size_t at, size_t end,
                       const struct endpoint *address);

/* Returns the name of a place for people: "http://host:port", or "http://host:port at 192.0.2.1".
 * It is in text, or borrowed. */
enum { URL_PLACE_TEXT_BYTES = 400 };
const char *url_places_print(const struct url_backends *b, size_t at,
                             char text[URL_PLACE_TEXT_BYTES]);

#endif
