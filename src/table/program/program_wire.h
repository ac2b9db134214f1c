/* program_wire.h - the lines between podop and the co-process of a program table, as
 * podop-program(7) describes them. Pure: bytes in, bytes out. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_WIRE_H
#define PODOP_TABLE_PROGRAM_PROGRAM_WIRE_H

#include "podop/buf.h"
#include "podop/error.h"
#include "podop/iterate.h"
#include "podop/json_value.h"
#include "podop/transaction.h"

/* Returns whether a line can contain the key: a line must be valid UTF-8. */
bool program_wire_can_hold(const struct table_key *key);

/* Append one line each, with its line feed. Keys, users and values must be valid UTF-8. */
void program_add_get(struct buf *out, uint64_t id, const char *table, const struct table_key *key);
/* Appends the line of a single change, or one "commit" for several changes. */
void program_add_commit(struct buf *out, uint64_t id, const char *table,
                        const struct transaction *transaction);
void program_add_iterate(struct buf *out, uint64_t id, const char *table,
                         const struct table_key *path, const struct iterate_options *options);
/* Appends op, which is "more", "stop" or "cancel", for the request with this id. */
void program_add_word(struct buf *out, uint64_t id, const char *table, const char *op);

enum program_status {
    PROGRAM_OK,
    PROGRAM_MISS,
    PROGRAM_TEMPORARY,
    PROGRAM_UNCERTAIN, /* of a write */
    PROGRAM_PERMANENT,
};

/* The spans point into the line, and are valid JSON. */
struct program_answer {
    uint64_t id;
    enum program_status status;
    struct span value;  /* ptr is NULL if there is none, as in the next two */
    struct span rows;   /* any value */
    struct span reason; /* a string with its quotes */
    bool has_more;
};

/* Returns 0, or -1 with ERR_INPUT when line is not an answer. */
int program_answer_parse(struct span line, struct program_answer *answer, struct error *err);

/* Takes the next row. Returns 1 with a name, in quotes, and a value; 0 at the end; -1 when the
 * next item is not a row. */
int program_next_row(struct json_cursor *rows, struct span *name, struct span *value);

#endif
