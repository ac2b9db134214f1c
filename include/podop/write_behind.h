/* write_behind.h - the pending writes of one server, by table name: changes that were confirmed
 * to the client and are written to the backend later. They outlive the tables: after a reload
 * they are written through the new table of the same name. */
#ifndef PODOP_WRITE_BEHIND_H
#define PODOP_WRITE_BEHIND_H

#include <stdbool.h>

struct ev_loop;
struct log;
struct write_behind;

struct write_behind *write_behind_new(struct ev_loop *loop, struct log *log); /* never NULL */
/* Begins to make all pending writes, because the server stops: with short pauses between tries,
 * and through suspended URLs, too. */
void write_behind_stop(struct write_behind *wb);
/* Returns whether there are no pending writes. */
bool write_behind_is_empty(const struct write_behind *wb);
/* Starts no more writes, so that the commits under way can be aborted. */
void write_behind_close(struct write_behind *wb);
/* Logs the writes that are still pending as lost. *wb becomes NULL; a NULL *wb is fine. */
void write_behind_free(struct write_behind **wb);

#endif
