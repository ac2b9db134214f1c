/* transcript.h - what happened. Every note goes into a hash, by which two runs of one seed are
 * compared; text is made only while it is kept. */
#ifndef SIM_TRANSCRIPT_H
#define SIM_TRANSCRIPT_H

#include "kernel.h"

void transcript_note(const char *who, const char *what, int64_t number);
void transcript_bytes(const char *who, const char *what, const void *bytes, size_t len);

#endif
