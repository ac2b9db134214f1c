/* dict_request.h - a request of a dovecot client. Shared by dovecot.c (what it sends) and
 * dict_answer.c (what it gets). */
#ifndef SIM_DICT_REQUEST_H
#define SIM_DICT_REQUEST_H

#include "../model/judge.h"
#include "dovecot.h"

#include "podop/mem.h"

enum { DICT_RECURSE = 1, DICT_NO_VALUE = 8, DICT_EXACT_KEY = 16 };

struct dict_request {
    struct request base;
    uint32_t number;         /* podop's, "*N"; 0: none yet */
    unsigned flags;          /* of an iteration */
    struct judge_rows *rows; /* of an iteration that is not exact */
    char *row;               /* of an exact one: the value that came */
    struct ledger_tx *tx;
    int64_t turn_ns; /* its answer may come so much later, after those of iterations before it */
    uint64_t after;  /* of a lookup: an earlier transaction of its key; see struct judge_lookup */
    uint32_t id;     /* of the transaction */
    bool is_async;
};

static inline struct dict_request *dict_request_of(struct request *request)
{
    return CONTAINER_OF(request, struct dict_request, base);
}

static inline struct dovecot *dovecot_of(struct client *client)
{
    return CONTAINER_OF(client, struct dovecot, client);
}

/* Takes one line off the front of in; see client_ops. */
size_t dict_answer_take(struct client *client, struct span in);

#endif
