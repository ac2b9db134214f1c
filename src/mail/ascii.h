/* ascii.h - whether text is ASCII, which needs neither libidn2 nor libunistring. */
#ifndef PODOP_MAIL_ASCII_H
#define PODOP_MAIL_ASCII_H

#include "podop/span.h"

static inline bool ascii_only(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

#endif
