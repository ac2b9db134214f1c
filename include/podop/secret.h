/* secret.h - bytes that nobody is to see, such as a password: wiped when freed, printed by no
 * function here or elsewhere. */
#ifndef PODOP_SECRET_H
#define PODOP_SECRET_H

#include "podop/error.h"
#include "podop/span.h"

struct secret;

enum {
    SECRET_LINE_BYTES_MAX = 8192, /* more than this no server takes as a header */
    /* Dozens of certificates. Each connection takes all of them apart, and the loop waits for that:
     * a whole system's are worth 40 ms. */
    SECRET_FILE_BYTES_MAX = 64 * 1024,
};

/* The first line of a regular file, without its line end. NULL with the path and the reason in err:
 * it cannot be read, is empty, longer than its limit, or has a control byte. */
struct secret *secret_read_line(const char *path, struct error *err);
/* All of a regular file; NULL as above, but any byte will do. */
struct secret *secret_read_file(const char *path, struct error *err);

struct secret *secret_concat(const struct span *parts, size_t count);
struct secret *secret_base64(struct span bytes); /* RFC 4648 section 4, padded, one line */
void secret_free(struct secret **secret);        /* *secret becomes NULL; a NULL *secret is fine */

/* Borrowed. A NULL secret has no bytes. */
struct span secret_span(const struct secret *secret);
const char *secret_text(const struct secret *secret); /* with a NUL behind it */

/* It was read from a file that any user of the machine may read. */
bool secret_is_exposed(const struct secret *secret);

#endif
