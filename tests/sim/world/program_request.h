/* program_request.h - a request to a process of the program, and the parts of its answer. */
#ifndef SIM_PROGRAM_REQUEST_H
#define SIM_PROGRAM_REQUEST_H

#include "program_state.h"

#include "podop/json_value.h"

/* A request: the values are JSON, and part of the line; empty: not given. */
struct program_request {
    struct worker *worker;
    struct program *program;
    struct span id, op, changes, recurse, values;
    const struct scene_table *table;
    const struct truth_key *key; /* whose fault decides */
    struct buf answer;           /* the line */
};

/* Reading: values of members, which are empty when there is none. */
struct span program_member(struct span object, const char *name);
bool program_is_text(struct span quoted, const char *text);
uint64_t program_number(struct span digits);
/* Returns the key in the store; a key of a user has the user after it. */
struct truth_key *program_store_key(const struct program *program, struct span object);

/* What the request changes: one object, or an array of them. */
struct program_objects {
    struct json_cursor array;
    struct span one;
};
struct program_objects program_objects(struct span line, struct span changes);
bool program_next(struct program_objects *objects, struct span *object);

/* Writing */
void program_begin_answer(struct program_request *r, const char *status);
void program_end_answer(struct program_request *r);

/* Begins an iteration, or goes on with one; fills answer. */
void program_iterate(struct program_request *r, struct span line);
void program_more(struct program_request *r);
void program_stop(const struct program_request *r);

/* Makes all changes or none. Returns the status of a right answer. */
const char *program_write(struct program_request *r, struct span line, enum ledger_made fate);

#endif
