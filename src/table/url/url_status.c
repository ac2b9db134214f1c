/* url_status.c - what the status of an answer means for a url table. */
#include "url_table.h"

#include "podop/clock.h"

enum { STATUS_TELL_EVERY_MS = 60 * 1000 };

static bool is_denied(unsigned status)
{
    return status == 401 || status == 403 || status == 407;
}

/* Of 4XX, these speak of the request's form, of the connection, of the moment or of a proxy, and
 * never of the key. */
static bool is_of_request(unsigned status)
{
    switch (status) {
    case 405:
    case 406:
    case 407:
    case 408:
    case 411:
    case 412:
    case 413:
    case 415:
    case 417:
    case 421:
    case 425:
    case 426:
    case 428:
    case 429:
    case 431: return true;
    default: return false;
    }
}

/* Where podop shows who it is, a denial may speak of that: a wrong token must not bounce mail.
 * nginx refuses a bad certificate with 400. */
static bool is_of_podop(const struct url_table *t, unsigned status)
{
    return ((status == 401 || status == 403) && t->shows_itself) ||
           (status == 400 && t->has_certificate);
}

/* Every other 4XX speaks of the key, unless the table says otherwise: where in doubt temporary is
 * the answer that loses no mail. */
bool url_table_is_miss(const struct url_table *t, unsigned status)
{
    if (status_set_has_code(&t->temporary, status))
        return false;
    if (status_set_has_code(&t->miss, status))
        return true;
    if (status_set_has_class(&t->temporary, status))
        return false;
    return status == 204 || status_set_has_class(&t->miss, status) ||
           (status >= 400 && status < 500 && !is_of_request(status) && !is_of_podop(t, status));
}

bool url_table_is_failure(const struct url_table *t, unsigned status)
{
    return status >= 500 && !url_table_is_miss(t, status);
}

/* A miss that may be none, such as of a wrong host name, or of http spoken to a TLS port. */
static bool is_doubtful(const struct url_table *t, unsigned status)
{
    return status >= 400 && status < 500 && status != 404 && status != 410 &&
           url_table_is_miss(t, status) && !status_set_has_code(&t->miss, status);
}

void url_table_tell_status(struct url_table *t, unsigned status, bool is_lookup)
{
    const bool is_odd = is_denied(status) || (is_lookup && is_doubtful(t, status));
    uint64_t *told_at_ms = &t->odd_told_at_ms[status % 100];
    uint64_t now_ms;

    if (!is_odd)
        return;
    now_ms = clock_now_ms();
    t->odd_answers++;
    if (*told_at_ms != 0 && now_ms - *told_at_ms < STATUS_TELL_EVERY_MS)
        return;
    *told_at_ms = now_ms;
    if (is_denied(status))
        log_warning(t->base.env.log, "backend_denied", LOG_STR("table", t->base.name),
                    LOG_UINT("http_status", status), LOG_UINT("count", t->odd_answers));
    else
        log_warning(t->base.env.log, "backend_doubtful_miss", LOG_STR("table", t->base.name),
                    LOG_UINT("http_status", status), LOG_UINT("count", t->odd_answers));
}
