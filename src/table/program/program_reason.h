/* program_reason.h - the reasons that a program gives for its failures. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_REASON_H
#define PODOP_TABLE_PROGRAM_PROGRAM_REASON_H

#include "program_wire.h"
#include "table/table_type.h"

/* Returns the reason of an answer that is a failure. The reason is in text. */
struct span program_reason(const struct table *table, const struct program_answer *answer,
                           char text[TABLE_REASON_BYTES]);

#endif
