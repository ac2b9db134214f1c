/* url_renewal.h - reads the files with a table's credentials and certificates again: when they
 * change, and when a request that waits here says that the backend may have rejected them. Good
 * ones replace those in use; otherwise these stay. */
#ifndef PODOP_TABLE_URL_URL_RENEWAL_H
#define PODOP_TABLE_URL_URL_RENEWAL_H

#include "url_backend.h"

#include "podop/list.h"

struct url_renewal;

/* A request that waits until the files were read. */
struct url_renewal_wait {
    struct list_node node;
    /* Called once, from the loop. */
    void (*ended)(struct url_renewal_wait *wait);
};

/* Returns NULL when the table has no such files, or nothing watches files. backends stays until
 * url_renewal_free(). */
struct url_renewal *url_renewal_new(struct url_backends *backends);
void url_renewal_free(struct url_renewal **renewal); /* NULL is fine; nothing may wait */

/* Begins and ends watching the files. Both may be called with NULL. */
void url_renewal_start(struct url_renewal *renewal);
void url_renewal_stop(struct url_renewal *renewal);

/* Reads the files now. ended is not called before this returns, and not after
 * url_renewal_cancel(). */
void url_renewal_wait(struct url_renewal *renewal, struct url_renewal_wait *wait);
void url_renewal_cancel(struct url_renewal_wait *wait);
/* Reads the files soon. */
void url_renewal_look(struct url_renewal *renewal);

#endif
