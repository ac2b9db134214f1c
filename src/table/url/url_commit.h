/* url_commit.h - writes to an HTTP service: one request for each change, in their order, or one for
 * the whole transaction when the table has a commit_url. */
#ifndef PODOP_TABLE_URL_URL_COMMIT_H
#define PODOP_TABLE_URL_URL_COMMIT_H

#include "table/commit.h"
#include "url_attempt.h"

struct url_commit {
    struct commit base;
    struct url_attempt attempt; /* of the change at next */
    size_t next;                /* changes before this one are done */
    bool has_missed;            /* an increment was of a key that does not exist */
};

/* Slots of struct table_ops; the commit is a struct url_commit. */
bool url_commit_is_read_only(struct table *table);
const char *url_commit_change_fault(struct table *table, const struct change *change);
void url_commit_start(struct commit *commit);
void url_commit_abort(struct commit *commit);

#endif
