/* write_behind.h - the pending writes of one server, by the names of the tables. They outlive the
 * tables: after a reload they belong to the next table of the name. */
#ifndef PODOP_WRITE_BEHIND_H
#define PODOP_WRITE_BEHIND_H

#include <stdbool.h>

struct ev_loop;
struct log;
struct write_behind;

struct write_behind *write_behind_new(struct ev_loop *loop, struct log *log); /* never NULL */
/* Makes all pending writes now, with short pauses between tries, also at suspended URLs. */
void write_behind_stop(struct write_behind *wb);
/* Whether nothing is pending any more. */
bool write_behind_is_empty(const struct write_behind *wb);
/* No more writes begin; the commits under way may be aborted. */
void write_behind_close(struct write_behind *wb);
/* Logs what is not written as lost. *wb becomes NULL; NULL is fine. */
void write_behind_free(struct write_behind **wb);

#endif
