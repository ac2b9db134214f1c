#include "url_status.h"

#include "podop/clock.h"

static bool is_denied(unsigned status)
{
    return status == 401 || status == 403 || status == 407;
}

/* These 4XX are about the form of the request, the connection, the moment or a proxy. They never
 * say anything about the key. */
static bool is_about_request(unsigned status)
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

/* A denial may be about podop's credentials instead of the key: a wrong token must not bounce mail.
 * nginx rejects a bad client certificate with 400. */
static bool is_about_credentials(const struct url_statuses *s, unsigned status)
{
    return ((status == 401 || status == 403) && s->sends_credentials) ||
           (status == 400 && s->has_certificate);
}

/* Every other 4XX is about the key, unless the table's settings say otherwise. In doubt the answer
 * is a temporary failure, which loses no mail. */
bool url_status_is_miss(const struct url_statuses *s, unsigned status)
{
    if (status_set_has_code(&s->temporary, status))
        return false;
    if (status_set_has_code(&s->miss, status))
        return true;
    if (status_set_has_class(&s->temporary, status))
        return false;
    return status == 204 || status_set_has_class(&s->miss, status) ||
           (status >= 400 && status < 500 && !is_about_request(status) &&
            !is_about_credentials(s, status));
}

bool url_status_is_failure(const struct url_statuses *s, unsigned status)
{
    return status >= 500 && !url_status_is_miss(s, status);
}

bool url_status_is_denial(const struct url_statuses *s, unsigned status)
{
    return is_about_credentials(s, status) && !url_status_is_miss(s, status);
}

/* A miss that may be a mistake, such as a wrong host name, or http sent to a TLS port. */
static bool is_doubtful(const struct url_statuses *s, unsigned status)
{
    return status >= 400 && status < 500 && status != 404 && status != 410 &&
           url_status_is_miss(s, status) && !status_set_has_code(&s->miss, status);
}

void url_status_log_odd(struct url_statuses *s, unsigned status, bool is_lookup, struct log *log,
                        const char *table)
{
    const bool is_denial = is_denied(status);

    if (!is_denial && !(is_lookup && is_doubtful(s, status)))
        return;
    s->odd_count++;
    if (!rate_limit_allows(&s->odd_log[status % 100], clock_now_ms(), LOG_INTERVAL_MS))
        return;
    if (is_denial)
        log_warning(log, "backend_denied", LOG_STR("table", table), LOG_UINT("http_status", status),
                    LOG_UINT("count", s->odd_count));
    else
        log_warning(log, "backend_doubtful_miss", LOG_STR("table", table),
                    LOG_UINT("http_status", status), LOG_UINT("count", s->odd_count));
}
