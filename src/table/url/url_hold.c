#include "url_hold.h"

#include "podop/deadline.h"
#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* Reading takes less than a millisecond, unless the file system hangs; then the request should not
 * hang, too. */
enum { HOLD_MS_MAX = 1000 };

struct url_hold {
    struct url_renewal_wait wait;
    struct deadline deadline;
    struct http_answer answer;
    char reason[URL_REASON_BYTES]; /* of the answer */
    url_hold_fn *over;
    void *arg;
};

static void end(struct url_hold *hold)
{
    url_renewal_cancel(&hold->wait);
    deadline_stop(&hold->deadline);
    hold->over(hold->arg, &hold->answer);
    free(hold);
}

static void on_read(struct url_renewal_wait *wait)
{
    end(CONTAINER_OF(wait, struct url_hold, wait));
}

static void on_deadline(void *arg)
{
    end(arg);
}

static uint64_t deadline_of(struct ev_loop *loop, uint64_t until_ms)
{
    const uint64_t at_ms = service_now_ms(loop) + HOLD_MS_MAX;

    return at_ms < until_ms ? at_ms : until_ms;
}

struct url_hold *url_hold_new(struct url_renewal *renewal, const struct http_answer *answer,
                              struct ev_loop *loop, uint64_t until_ms, url_hold_fn *over, void *arg)
{
    struct url_hold *hold = xcalloc(1, sizeof(*hold));

    hold->answer = *answer;
    hold->answer.body = SPAN("");
    hold->answer.moved_to = NULL; /* its call has ended */
    hold->answer.content_type = hold->answer.content_encoding = hold->answer.location = NULL;
    snprintf(hold->reason, sizeof(hold->reason), "%s",
             answer->reason == NULL ? "" : answer->reason);
    hold->answer.reason = hold->reason;
    hold->over = over;
    hold->arg = arg;
    hold->wait.ended = on_read;
    deadline_init(&hold->deadline, on_deadline, hold);
    deadline_start(&hold->deadline, loop, deadline_of(loop, until_ms));
    url_renewal_wait(renewal, &hold->wait);
    return hold;
}

void url_hold_free(struct url_hold **phold)
{
    struct url_hold *hold = *phold;

    if (hold == NULL)
        return;
    *phold = NULL;
    url_renewal_cancel(&hold->wait);
    deadline_stop(&hold->deadline);
    free(hold);
}
