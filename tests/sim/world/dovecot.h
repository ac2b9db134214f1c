/* dovecot.h - clients of dict, as the versions of Dovecot: lookups, iterations and transactions on
 * one table. */
#ifndef SIM_DOVECOT_H
#define SIM_DOVECOT_H

#include "client.h"

struct dovecot {
    struct client client;
    const struct scene_table *table;
    unsigned major, minor;
    unsigned user; /* whose keys it writes */
    bool is_writer;
    unsigned most;          /* requests at a time */
    uint32_t id;            /* of the last transaction */
    uint64_t writer_id;     /* for the ledger, with the number of the connection */
    bool comes_back;        /* to keys of transactions without an answer */
    struct sim_random back; /* of its own, so that this changes no other choice */
};

/* version: which of the known ones. A writer must be the only one of its table and user. */
void dovecot_start(struct dovecot *dovecot, struct world *world, const char *name,
                   const struct scene_table *table, unsigned user, bool is_writer,
                   int64_t pause_ns);

#endif
