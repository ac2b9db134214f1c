/* write_behind.h - what is still to be written to the tables of one server, by the tables' names.
 * It outlives every table: a reload hands it on to the next one of the name. */
#ifndef PODOP_WRITE_BEHIND_H
#define PODOP_WRITE_BEHIND_H

#include <stdbool.h>

struct ev_loop;
struct log;
struct write_behind;

struct write_behind *write_behind_new(struct ev_loop *loop, struct log *log); /* never NULL */
/* No more waits: all is written now, and tried again after short pauses, also at URLs that are left
 * alone. */
void write_behind_stop(struct write_behind *wb);
/* Whether all is written, or has to be given up. */
bool write_behind_is_empty(const struct write_behind *wb);
/* No more writes begin; the commits under way may be aborted. */
void write_behind_close(struct write_behind *wb);
/* What is not written by then is lost, and the log is told. *wb becomes NULL; NULL is fine. */
void write_behind_free(struct write_behind **wb);

#endif
