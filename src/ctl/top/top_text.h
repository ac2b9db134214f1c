/* top_text.h - text that takes a known number of columns on a terminal, and numbers that are short.
 * Private to podopctl. */
#ifndef PODOP_CTL_TOP_TOP_TEXT_H
#define PODOP_CTL_TOP_TOP_TEXT_H

#include "podop/buf.h"

/* Appends text in at most so many columns, and returns how many it takes. Text that is longer is
 * cut, and ends in '~'. A character that has no width of its own, such as a control character, or
 * that the locale cannot show, is written as \xHH or \uHHHH: no text can move the cursor. */
size_t top_text_add(struct buf *out, struct span text, size_t columns);

enum { TOP_NUMBER_BYTES = 24 };

/* Write at most 6 characters: a rate as "0", "0.4", "12.5", "123", "45.6k" ... */
void top_text_rate(double per_s, char out[TOP_NUMBER_BYTES]);
void top_text_count(uint64_t n, char out[TOP_NUMBER_BYTES]);
/* "250us", "2.5ms", "10s"; for whole numbers of microseconds that a bucket ends with */
void top_text_us(uint64_t us, char out[TOP_NUMBER_BYTES]);
/* An age: "7s", "12m", "5h", "3d" */
void top_text_age(uint64_t ms, char out[TOP_NUMBER_BYTES]);

#endif
