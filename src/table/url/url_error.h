/* url_error.h - failures that a service tells in the body of an answer of success: the setting
 * error, a JSON pointer to where such a body has them. */
#ifndef PODOP_TABLE_URL_URL_ERROR_H
#define PODOP_TABLE_URL_URL_ERROR_H

#include "podop/span.h"

enum { URL_ERROR_BYTES = 200 };

/* Returns whether body, checked JSON, has anything at pointer except null, false, "", 0, [] and {}.
 * Then why becomes the reason: the text there, or the first text of an array or object there, in
 * printable ASCII. */
bool url_error_find(const char *pointer, struct span body, char why[URL_ERROR_BYTES]);

/* Returns whether pointer leads into the member of an object with this name, a JSON string. Then
 * *has_failed becomes what url_error_find() returns for that object. */
bool url_error_is_member(const char *pointer, struct span name, struct span value, bool *has_failed,
                         char why[URL_ERROR_BYTES]);

#endif
