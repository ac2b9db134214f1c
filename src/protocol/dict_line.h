/* dict_line.h - one line of Dovecot's dict protocol, taken apart and put together. Pure. */
#ifndef PODOP_PROTOCOL_DICT_LINE_H
#define PODOP_PROTOCOL_DICT_LINE_H

#include "podop/buf.h"
#include "podop/reply.h"
#include "podop/table.h"

enum {
    DICT_FIELDS_MAX = 16,  /* more of them are ignored, as unknown ones are */
    DICT_FIELDS_NAMED = 5, /* no request has a meaning for more, but for further paths */
};

/* HELLO's major: 2 up to Dovecot 2.3.16, 3 since 2.3.17, 4 since 2.4.0; dict-client.h of each. */
enum { DICT_MAJOR_MIN = 2, DICT_MAJOR_MAX = 4 };

struct dict_line {
    char letter;
    struct span field[DICT_FIELDS_MAX]; /* unescaped; a named one that is missing is empty */
    size_t count;
};

/* The fields point into line, or into text where something in it is escaped. false: an empty line.
 */
bool dict_line_parse(struct span line, struct dict_line *out, struct buf *text);

/* Decimal, 0 to max; false for anything else. */
bool dict_number(struct span field, uint64_t max, uint64_t *number);
/* Decimal, with a sign or without one. */
bool dict_signed_number(struct span field, int64_t *number);

/* "shared/KEY" or "priv/KEY" as what a table is asked for; key points into name. NULL, or what is
 * wrong with it. */
const char *dict_key(struct span name, struct span user, struct table_key *key);

/* The paths of an iteration, in bytes of podop's own: the field at first, which may be empty, and
 * with are_many those behind it. */
void dict_add_paths(struct buf *paths, const struct dict_line *line, size_t first, bool are_many);
/* Takes the first path off the front of paths, which is not empty, and points into it. */
struct span dict_next_path(struct span *paths);

/* A client of 2.1 and later (Dovecot 2.2.27) understands "*ID" and "+ID". */
bool dict_knows_async(uint64_t major, uint64_t minor);
void dict_announce(struct buf *out, uint32_t id);    /* "*ID" */
void dict_begin_reply(struct buf *out, uint32_t id); /* "+ID\t", or nothing for id 0 */

/* Each is one whole line, but for dict_begin_reply(). */
void dict_add_lookup(struct buf *out, struct span table, const struct reply *reply);
void dict_add_row(struct buf *out, struct span path, struct span name, struct span value);
void dict_add_finish(struct buf *out, const struct reply *reply); /* of an iteration */
void dict_add_commit(struct buf *out, uint32_t id, const struct reply *reply);

#endif
