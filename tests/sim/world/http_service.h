/* http_service.h - what an HTTP backend answers, and what it makes of writes. */
#ifndef SIM_HTTP_SERVICE_H
#define SIM_HTTP_SERVICE_H

#include "http_backend_state.h"

/* An answer before it is sent. */
struct http_answer_parts {
    unsigned status;
    const char *type; /* of the content; NULL: none */
    struct span body;
    struct buf text; /* a body that has no other owner */
};

/* Appends the answer to the connection's out, in a manner of the backend. */
void http_service_send(struct http_connection *c, const struct http_answer_parts *answer);

/* Appends the right answer, after making the write that it may be, as fate says. */
void http_service_answer(struct http_connection *c, struct http_request *request,
                         enum ledger_made fate);
bool http_service_is_write(const struct http_request *request);

#endif
