/* buf_print.h - formatted text for the messages of the world. */
#ifndef SIM_BUF_PRINT_H
#define SIM_BUF_PRINT_H

#include "podop/buf.h"

/* Appends the text, of any length that the buffer may have. */
void buf_print(struct buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
