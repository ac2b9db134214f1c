#include "status_parts.h"

#include "podop/clock.h"

enum { UNAVAILABLE = 503 };

/* A listener that is not configured any more still answers the requests that it had. */
bool status_survey(struct rendering *r)
{
    struct status_state *s = r->state;

    if (r->view->past == NULL) {
        r->status = UNAVAILABLE;
        return false;
    }
    return survey_step(&s->survey, r->view);
}

void status_end(void *state)
{
    struct status_state *s = state;

    survey_end(&s->survey);
}

bool status_read_table(const struct status_view *view, size_t i, struct status_table *to)
{
    struct table *table = router_table(view->monitor->router, i);

    if (table == NULL)
        return false;
    status_table_read(to, table, view->monitor->past->history, clock_now_ms());
    return true;
}
