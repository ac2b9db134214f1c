/* program_wire.h - the lines between podop and the co-process of a program table, as
 * podop-program(7) has them. No descriptor, no loop: bytes in, bytes out. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_WIRE_H
#define PODOP_TABLE_PROGRAM_PROGRAM_WIRE_H

#include "podop/buf.h"
#include "podop/error.h"
#include "podop/iterate.h"
#include "podop/json_value.h"
#include "podop/transaction.h"

/* Each appends one line with its line feed. Keys, users and values are valid UTF-8. */
void program_add_get(struct buf *out, uint64_t id, const char *table, const struct table_key *key);
/* A single change goes out as itself, several as one commit. */
void program_add_commit(struct buf *out, uint64_t id, const char *table,
                        const struct transaction *transaction);
void program_add_iterate(struct buf *out, uint64_t id, const char *table,
                         const struct table_key *path, const struct iterate_options *options);
/* "more", "stop" or "cancel", of the request with this id. */
void program_add_word(struct buf *out, uint64_t id, const char *table, const char *op);

enum program_status {
    PROGRAM_OK,
    PROGRAM_MISS,
    PROGRAM_TEMPORARY,
    PROGRAM_UNCERTAIN, /* of a write */
    PROGRAM_PERMANENT,
};

/* All of it points into the line, and is checked JSON. */
struct program_answer {
    uint64_t id;
    enum program_status status;
    struct span value;  /* no ptr: there is none */
    struct span rows;   /* the same */
    struct span reason; /* a string with its quotes, or no ptr */
    bool has_more;
};

/* 0, or -1 with ERR_INPUT when line is no answer at all. */
int program_answer_parse(struct span line, struct program_answer *answer, struct error *err);

/* Takes one row off the front of what is left of rows: 1 with a string in quotes and a value; 0 at
 * the end; -1 when it is no row. */
int program_next_row(struct json_cursor *rows, struct span *name, struct span *value);

#endif
