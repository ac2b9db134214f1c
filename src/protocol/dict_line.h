/* dict_line.h - the grammar of Dovecot's dict protocol: one line, parsed or written. Pure functions
 * over bytes, which the server and podopctl share. */
#ifndef PODOP_PROTOCOL_DICT_LINE_H
#define PODOP_PROTOCOL_DICT_LINE_H

#include "podop/buf.h"
#include "podop/reply.h"
#include "podop/table.h"

enum {
    DICT_FIELDS_MAX = 16,  /* further fields are ignored */
    DICT_FIELDS_NAMED = 5, /* fields after these can only be further paths of an iteration */
};

/* The major version in the hello: 2 up to Dovecot 2.3.16, 3 since 2.3.17, 4 since 2.4.0; from
 * dict-client.h of each. */
enum { DICT_MAJOR_MIN = 2, DICT_MAJOR_MAX = 4 };

/* The first byte of a line; dict-client.h of Dovecot 2.2.24, 2.3.19 and 2.4.1. In parentheses: the
 * fields, in their order. */
enum dict_command {
    DICT_HELLO = 'H',        /* (major, minor, value type, user, dict name) */
    DICT_LOOKUP = 'L',       /* (key, user) */
    DICT_ITERATE = 'I',      /* (flags, row limit, path, user) */
    DICT_BEGIN = 'B',        /* (transaction id, user, expiry in seconds) */
    DICT_COMMIT = 'C',       /* (transaction id) */
    DICT_COMMIT_ASYNC = 'D', /* (transaction id); its reply comes at any time */
    DICT_ROLLBACK = 'R',     /* (transaction id) */
    DICT_SET = 'S',          /* (transaction id, key, value) */
    DICT_UNSET = 'U',        /* (transaction id, key) */
    DICT_INCREMENT = 'A',    /* (transaction id, key, signed number) */
    DICT_TIMESTAMP = 'T',    /* (transaction id, seconds, nanoseconds) */
    DICT_HIDE_VALUES = 'V',  /* (transaction id, flag): whether values may be logged */
};

/* The flags of DICT_ITERATE; dict.h of Dovecot 2.3.19 and 2.4.1. The sorting flags are not listed:
 * rows are sent in any order, which is what clients without these flags expect. */
enum {
    DICT_ITERATE_RECURSE = 1,
    DICT_ITERATE_NO_VALUE = 8,
    DICT_ITERATE_EXACT_KEY = 16,
};

struct dict_line {
    enum dict_command command;
    uint32_t id;                        /* of the transaction, for commands that have one */
    struct span field[DICT_FIELDS_MAX]; /* unescaped; a missing named field is empty */
    size_t count;
};

/* Returns false for a line that is not a command, or without the transaction id that it needs. The
 * fields point into line, or into text when a field of the line has an escape. */
bool dict_line_parse(struct span line, struct dict_line *out, struct buf *text);

/* Parses a decimal number from 0 to max. Returns false for anything else. */
bool dict_number(struct span field, uint64_t max, uint64_t *number);
/* Parses like dict_number(), but takes an empty field as 0. */
bool dict_optional_number(struct span field, uint64_t max, uint64_t *number);
/* Parses a decimal number with or without a sign. */
bool dict_signed_number(struct span field, int64_t *number);

/* Converts "shared/KEY" or "priv/KEY" to the key that tables use; it points into name and user.
 * Returns NULL, or what is wrong with name or user. */
const char *dict_key(struct span name, struct span user, struct table_key *key);

/* Appends the paths of an iteration, in a format for dict_next_path() only: the path in field
 * first, which may be empty, and with are_many also those in the fields after it. */
void dict_add_paths(struct buf *paths, const struct dict_line *line, size_t first, bool are_many);
/* Takes the first path off the front of paths, which must not be empty. The result points into
 * paths. */
struct span dict_next_path(struct span *paths);

/* Returns whether a client of this version understands "*ID" and "+ID": since 2.1 (Dovecot 2.2.27).
 */
bool dict_knows_async(uint64_t major, uint64_t minor);
void dict_announce(struct buf *out, uint32_t id);    /* appends the line "*ID" */
void dict_begin_reply(struct buf *out, uint32_t id); /* appends "+ID\t", or nothing for id 0 */

/* Each appends one whole line, which dict_begin_reply() may precede. */
void dict_add_lookup(struct buf *out, struct span table, const struct reply *reply);
void dict_add_row(struct buf *out, struct span path, struct span name, struct span value);
void dict_add_finish(struct buf *out, const struct reply *reply); /* ends an iteration */
void dict_add_commit(struct buf *out, uint32_t id, const struct reply *reply);

#endif
