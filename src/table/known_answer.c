#include "known_answer.h"

#include <stdlib.h>

/* kept until the next answer; a longer one is freed from the loop */
enum { ANSWER_BYTES_MAX = 4096 };

static void free_answer(void *arg)
{
    struct table *t = arg;

    free(t->answer_bytes);
    t->answer_bytes = NULL;
}

void known_answer_init(struct table *t)
{
    deferred_init(&t->free_answer, t->env.loop, 0, free_answer, t);
}

void known_answer_deinit(struct table *t)
{
    deferred_stop(&t->free_answer);
    free(t->answer_bytes);
}

struct reply known_answer_keep(struct table *t, const struct reply *reply)
{
    if (reply_bytes(reply) > ANSWER_BYTES_MAX)
        deferred_start(&t->free_answer);
    return reply_copy(reply, &t->answer_bytes);
}

/* Fills reply with what a lookup would find after value was set. It may point into value and
 * scratch. */
static void read_back(struct table *t, struct span value, struct buf *scratch, struct reply *reply)
{
    if (t->ops->read_back != NULL)
        t->ops->read_back(t, value, scratch, reply);
    else
        *reply = (struct reply){.status = REPLY_FOUND, .map_value = value, .dict_value = value};
}

struct reply known_answer_of_write(struct table *t, const struct change *pending)
{
    struct reply reply = {.status = REPLY_MISS};
    struct buf scratch;

    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    if (pending->kind == CHANGE_SET)
        read_back(t->writes->table, pending->value, &scratch, &reply);
    reply.source = REPLY_PENDING;
    reply = known_answer_keep(t, &reply);
    buf_deinit(&scratch);
    return reply;
}
