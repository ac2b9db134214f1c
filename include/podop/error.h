/* error.h - what went wrong, in a struct that the caller owns. Functions that fail return -1 and
 * fill it; nothing is logged where it broke, whoever handles the error logs it, once. */
#ifndef PODOP_ERROR_H
#define PODOP_ERROR_H

enum error_kind {
    ERR_NONE,
    ERR_USAGE,      /* the command line makes no sense */
    ERR_CONFIG,     /* the configuration is at fault */
    ERR_LIMIT,      /* larger or more than a limit allows */
    ERR_INPUT,      /* bytes from a peer or a file that do not follow their format */
    ERR_SYSTEM,     /* the operating system or a library refused */
    ERR_NO_ADDRESS, /* to listen on: this machine does not have it */
    ERR_BIND,       /* a socket cannot be had, or privileges not be dropped */
};

struct error {
    enum error_kind kind; /* for the program: what to do now */
    char text[512];       /* for the human: what, where, why */
};

/* Both always return -1, so that "return error_set(...)" reads well. Longer texts are cut. */
int error_set(struct error *err, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* ERR_SYSTEM, with ": " and errno's text behind the formatted one. */
int error_errno(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "CONTEXT: " in front of the text that is there; always returns -1. */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
