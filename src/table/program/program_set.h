/* program_set.h - the co-processes of one program table, and the requests that wait for their
 * answers. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_SET_H
#define PODOP_TABLE_PROGRAM_PROGRAM_SET_H

#include "program_request.h"
#include "program_settings.h"
#include "table/table_type.h"

#include "podop/shell_words.h"
#include "podop/table_backend.h"

struct program_set;

/* Returns a new set without processes. table is borrowed; words and path are taken. */
struct program_set *program_set_new(struct table *table, const struct program_settings *settings,
                                    struct shell_words *words, char *path);
/* Starts the processes as soon as the loop runs. */
void program_set_start(struct program_set *set);
void program_set_free(struct program_set **set); /* *set becomes NULL; NULL is fine */

/* Returns a hash of key, never 0. */
uint64_t program_key(const struct program_set *set, const struct table_key *key);
/* Asks the process that has the fewest unanswered requests. A slow key, one that was not
 * answered before, goes to the last process, and other keys avoid the process that is busy with
 * a slow key. Returns false when no process can be asked now; *reason, which lives as long as
 * the set, says why. Otherwise answered() or failed() is called later, never before this
 * returns. */
bool program_ask(struct program_set *set, struct program_request *request, const char **reason);
/* Returns the pid of the process that is asked, or 0. */
long program_pid(const struct program_request *request);
/* Adds "processes" to the JSON object of a table's counters. */
void program_set_add_stats(const struct program_set *set, struct buf *out);
/* Describes the program as a backend of its table. */
void program_set_describe(const struct program_set *set, struct table_backend *to);
/* Asks the process that had more for the next part, by request->deadline_at_ms. Returns false
 * when that process has ended, or reads too slowly. */
bool program_ask_more(struct program_request *request);
/* Returns whether the request waits for an answer now. */
bool program_is_awaited(const struct program_request *request);
/* Ends the wait without a call of answered() or failed(). word, "cancel" or "stop", is sent to
 * the process; NULL: nothing is sent. */
void program_abandon(struct program_request *request, const char *word);

#endif
