/* key_search.h - the forms under which one lookup searches for its key, one after the other, and
 * what becomes of the value that one of them has. Private to src/table. */
#ifndef PODOP_TABLE_KEY_SEARCH_H
#define PODOP_TABLE_KEY_SEARCH_H

#include "table_type.h"

struct key_search;

/* Returns a search for key, of which normal is the normal form, or NULL when the rules of table
 * look up nothing but the key itself. Both are copied. deadline_at_ms is as in
 * table_lookup_until(). */
struct key_search *key_search_new(const struct table *table, const struct table_key *key,
                                  const struct table_key *normal, uint64_t deadline_at_ms);
void key_search_free(struct key_search **search); /* *search becomes NULL; a NULL *search is fine */

/* Goes to the next form, which is borrowed until the next call. Returns false after the last. */
bool key_search_next(struct key_search *search, struct table_key *form);
/* Returns whether is_wanted returns true for any of the forms after the current one. */
bool key_search_any_later(const struct key_search *search,
                          bool (*is_wanted)(struct table *table, const struct table_key *form),
                          struct table *table);
uint64_t key_search_deadline_at_ms(const struct key_search *search); /* of all forms together */

/* Keeps a copy of a reply after which the search goes on: of the first failure, or else of the
 * first value that Postfix gets as a miss. */
void key_search_keep(struct key_search *search, const struct reply *reply);
/* Makes the reply that was kept the answer of a search that found nothing: the form that failed may
 * have a value by now, and Dovecot gets the value that is a miss for Postfix. Returns whether it
 * did that; *reply then points to bytes of search. */
bool key_search_use_kept(struct key_search *search, struct reply *reply);

/* Puts the extension that was cut off the current form into the addresses of *reply, if the rules
 * say so and there is one; *reply becomes a failure if it would be too long. *reply then points to
 * bytes of search. Returns whether it did that. */
bool key_search_propagate(struct key_search *search, struct reply *reply);

/* Add notes for a human: which form is looked up now; its result; which form has answered. */
void key_search_note_form(const struct key_search *search, struct buf *notes);
void key_search_note_result(const struct reply *reply, bool was_miss, struct buf *notes);
void key_search_note_answer(const struct key_search *search, const struct reply *reply,
                            bool is_extended, struct buf *notes);

#endif
