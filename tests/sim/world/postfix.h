/* postfix.h - clients of socketmap, as Postfix and others: one netstring a request, answered in the
 * order of the requests. */
#ifndef SIM_POSTFIX_H
#define SIM_POSTFIX_H

#include "client.h"

struct postfix {
    struct client client;
    unsigned most; /* requests at a time; Postfix itself sends one */
};

void postfix_start(struct postfix *postfix, struct world *world, const char *name, unsigned most,
                   int64_t pause_ns);

#endif
