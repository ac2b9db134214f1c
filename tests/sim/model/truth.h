/* truth.h - the stores of the simulated world: what each key had, and when. Backends answer from
 * them, and the judge compares with them. Pure data: the instants are given by the caller. */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value, as JSON and as each protocol shows it. Counted; immutable. */
struct truth_value {
    unsigned references;
    uint32_t json_len, len[2];
    const char *json;    /* the text of the body, with a NUL after it */
    const char *text[2]; /* by enum truth_protocol; NULL: the client gets a miss */
};

enum truth_protocol { TRUTH_POSTFIX, TRUTH_DOVECOT };

/* Makes a value of JSON. The model knows strings without escapes, numbers, true, false, null and
 * compact arrays of these. NULL: json is none of them. The caller owns a reference. */
struct truth_value *truth_value_new(const char *json, size_t len);
struct truth_value *truth_value_string(const char *text,
                                       size_t len); /* of a text without escapes */
/* What a set of Dovecot becomes: JSON stays as it is, any other text becomes a string. */
struct truth_value *truth_value_text(const char *text, size_t len);
bool truth_value_equal(const struct truth_value *a, const struct truth_value *b); /* NULL: none */
/* Whether a client of the protocol sees value (NULL: none) as text (NULL: a miss). */
bool truth_value_shows(const struct truth_value *value, enum truth_protocol protocol,
                       const char *text, size_t len);
struct truth_value *truth_value_ref(struct truth_value *value); /* a NULL value is fine */
void truth_value_unref(struct truth_value **value); /* *value becomes NULL; a NULL *value is fine */

struct truth;     /* a store */
struct truth_key; /* lives as long as its store */

/* All instants before now - keep_ns are forgotten; what the store had at now - keep_ns is not. */
struct truth *truth_new(const char *name, int64_t keep_ns);
void truth_free(struct truth **truth);
const char *truth_store_name(const struct truth *truth);

/* Returns the key of this name; NULL when nothing has put it yet. */
struct truth_key *truth_find(const struct truth *truth, const char *name, size_t len);
struct truth_key *truth_add(struct truth *truth, const char *name, size_t len); /* never NULL */
size_t truth_count(const struct truth *truth);
struct truth_key *truth_nth(const struct truth *truth,
                            size_t index); /* in order of their addition */
const char *truth_name(const struct truth_key *key);
size_t truth_name_len(const struct truth_key *key);
struct truth *truth_of(const struct truth_key *key); /* its store */

/* Other keys of the store that the caller has noted with this one, by number; NULL: not yet. */
enum { TRUTH_ALIASES = 9 };
struct truth_key *truth_alias(const struct truth_key *key, unsigned number);
void truth_set_alias(struct truth_key *key, unsigned number, struct truth_key *other);

/* The key has value (NULL: none) from now_ns on. The value is referenced, not taken. */
void truth_put(struct truth_key *key, struct truth_value *value, int64_t now_ns);
struct truth_value *truth_now(const struct truth_key *key); /* borrowed; NULL: none */

/* Numbers, for increments. Returns false when the key has no value or no number. */
bool truth_number(const struct truth_key *key, int64_t *number);

/* Whether the key had, at some moment from from_ns to to_ns, a value that a client of this protocol
 * sees as text. NULL: none at all. */
bool truth_had(const struct truth_key *key, enum truth_protocol protocol, const char *text,
               size_t len, int64_t from_ns, int64_t to_ns);

/* Whether it had a value that a client of the protocol sees as a miss, such as an empty one. */
bool truth_had_empty(const struct truth_key *key, enum truth_protocol protocol, int64_t from_ns,
                     int64_t to_ns);

/* Whether it had a value, or none, during all of this time, as a client of the protocol sees it. */
bool truth_always_had(const struct truth_key *key, enum truth_protocol protocol, bool is_there,
                      int64_t from_ns, int64_t to_ns);

/* Describes the last few values, for a transcript. */
const char *truth_describe(const struct truth_key *key);

/* Calls row for each key below path that has a value now: names with a slash after path only when
 * deep. Stops when row returns false. */
typedef bool truth_row_fn(void *arg, const struct truth_key *key);
void truth_list(const struct truth *truth, const char *path, bool is_deep, truth_row_fn *row,
                void *arg);

#endif
