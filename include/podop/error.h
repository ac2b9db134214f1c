/* error.h - describes a failure, in a struct that the caller owns. A function that fails returns -1
 * and fills the struct. It does not log: the code that handles the error logs it, once. */
#ifndef PODOP_ERROR_H
#define PODOP_ERROR_H

enum error_kind {
    ERR_NONE,
    ERR_USAGE,      /* the command line is wrong */
    ERR_CONFIG,     /* the configuration is wrong */
    ERR_LIMIT,      /* a limit is exceeded */
    ERR_INPUT,      /* bytes from a peer or a file violate their format */
    ERR_SYSTEM,     /* the operating system or a library failed */
    ERR_NO_ADDRESS, /* this machine does not have the address to listen on */
    ERR_BIND,       /* a socket cannot be created or bound, or privileges cannot be dropped */
};

struct error {
    enum error_kind kind; /* decides what the program does */
    char text[512];       /* for people: what failed, where and why */
};

/* Fill err and always return -1, so that a caller can write "return error_set(...)". Text that does
 * not fit is cut. */
int error_set(struct error *err, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets ERR_SYSTEM and appends ": " and the text of errno. */
int error_errno(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "CONTEXT: " before the present text. Always returns -1. */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
