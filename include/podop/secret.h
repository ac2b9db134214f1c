/* secret.h - bytes that must stay confidential, such as a password. They are wiped when freed, and
 * no function prints them. */
#ifndef PODOP_SECRET_H
#define PODOP_SECRET_H

#include "podop/error.h"
#include "podop/span.h"

struct secret;

enum {
    SECRET_LINE_BYTES_MAX = 8192, /* HTTP servers refuse longer headers */
    /* Enough for dozens of certificates. Each connection parses all of them while the loop waits:
     * parsing a whole system's certificates takes 40 ms. */
    SECRET_FILE_BYTES_MAX = 64 * 1024,
};

/* Reads the first line of a regular file, without its line end. Returns NULL, with the path and the
 * reason in err, if the file cannot be read, or the line is empty, too long, or has a control
 * byte. */
struct secret *secret_read_line(const char *path, struct error *err);
/* Reads a whole regular file of any bytes. Returns NULL, with the path and the reason in err, if
 * the file cannot be read, is empty, or is too large. */
struct secret *secret_read_file(const char *path, struct error *err);

struct secret *secret_concat(const struct span *parts, size_t count);
struct secret *secret_base64(struct span bytes); /* RFC 4648 section 4, padded, one line */
void secret_free(struct secret **secret);        /* *secret becomes NULL; a NULL *secret is fine */

/* Return the bytes, borrowed. A NULL secret has no bytes. */
struct span secret_span(const struct secret *secret);
const char *secret_text(const struct secret *secret); /* with a NUL at the end; not for NULL */

/* Returns whether the secret came from a file that every user of the machine may read. */
bool secret_is_exposed(const struct secret *secret);

#endif
