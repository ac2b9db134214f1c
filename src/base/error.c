#include "podop/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
    va_list args;

    err->kind = kind;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return -1;
}

int error_errno(struct error *err, const char *format, ...)
{
    int saved = errno;
    char what[256];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return error_set(err, ERR_SYSTEM, "%s: %s", what, strerror(saved));
}

int error_prefix(struct error *err, const char *format, ...)
{
    char context[128], old[sizeof(err->text)];
    va_list args;

    va_start(args, format);
    vsnprintf(context, sizeof(context), format, args);
    va_end(args);
    memcpy(old, err->text, sizeof(old));
    snprintf(err->text, sizeof(err->text), "%s: %.*s", context,
             (int)(sizeof(err->text) - sizeof(context) - sizeof(": ")), old);
    return -1;
}
