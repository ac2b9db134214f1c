#include "url_status.h"

#include "podop/clock.h"
#include "podop/json_media_type.h"

#include <stdio.h>

/* Why a status is a miss or not. */
enum rule {
    RULE_LISTED_MISS,
    RULE_LISTED_TEMPORARY,
    RULE_NO_CONTENT,
    RULE_NOT_FOUND,
    RULE_KEY,
    RULE_REQUEST,
    RULE_CREDENTIALS,
    RULE_STRICT,
    RULE_BACKEND,
    RULE_OTHER,
};

static const struct {
    bool is_miss;
    const char *meaning;
} rules[] = {
    [RULE_LISTED_MISS] = {true, "a miss: 'miss' lists this status"},
    [RULE_LISTED_TEMPORARY] = {false, "a temporary failure: 'temporary' lists this status"},
    [RULE_NO_CONTENT] = {true, "a miss: 204 means that there is nothing"},
    [RULE_NOT_FOUND] = {true, "a miss: the backend says that there is no such key"},
    [RULE_KEY] = {true, "a miss: this 4XX may be about the key"},
    [RULE_REQUEST] = {false, "a temporary failure: this 4XX is about the request, not the key"},
    [RULE_CREDENTIALS] = {false, "a temporary failure: it may be about what podop sends to "
                                 "authenticate itself"},
    [RULE_STRICT] = {false, "a temporary failure: with 'strict', only 404 and 410 with JSON are a "
                            "miss"},
    [RULE_BACKEND] = {false, "a temporary failure: 5XX is a failure of the backend"},
    [RULE_OTHER] = {false, "a temporary failure: this status is not an answer to a lookup"},
};

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

static bool is_not_found(unsigned status)
{
    return status == 404 || status == 410;
}

static bool is_json(const struct http_answer *answer)
{
    return answer->content_type != NULL && json_media_type(span_of(answer->content_type));
}

/* Every 4XX that is not about something else is about the key. A proxy or web server in front of
 * the service may answer with it as well; but it does not send JSON. */
static enum rule rule_of_4xx(const struct url_statuses *s, const struct http_answer *answer)
{
    const unsigned status = answer->status;

    if (is_about_request(status))
        return RULE_REQUEST;
    if (is_about_credentials(s, status))
        return RULE_CREDENTIALS;
    if (s->is_strict && !(is_not_found(status) && is_json(answer)))
        return RULE_STRICT;
    return is_not_found(status) ? RULE_NOT_FOUND : RULE_KEY;
}

/* The table's settings take precedence. In doubt the answer is a temporary failure, which loses no
 * mail. */
static enum rule rule_of(const struct url_statuses *s, const struct http_answer *answer)
{
    const unsigned status = answer->status;

    if (status_set_has_code(&s->temporary, status))
        return RULE_LISTED_TEMPORARY;
    if (status_set_has_code(&s->miss, status))
        return RULE_LISTED_MISS;
    if (status_set_has_class(&s->temporary, status))
        return RULE_LISTED_TEMPORARY;
    if (status_set_has_class(&s->miss, status))
        return RULE_LISTED_MISS;
    if (status == 204)
        return RULE_NO_CONTENT;
    if (status >= 400 && status < 500)
        return rule_of_4xx(s, answer);
    return status >= 500 ? RULE_BACKEND : RULE_OTHER;
}

bool url_status_is_miss(const struct url_statuses *s, const struct http_answer *answer)
{
    return rules[rule_of(s, answer)].is_miss;
}

bool url_status_is_failure(const struct url_statuses *s, const struct http_answer *answer)
{
    const enum rule rule = rule_of(s, answer);

    return rule == RULE_STRICT || (answer->status >= 500 && !rules[rule].is_miss);
}

bool url_status_is_denial(const struct url_statuses *s, const struct http_answer *answer)
{
    return is_about_credentials(s, answer->status) && !url_status_is_miss(s, answer);
}

/* The settings miss and temporary are for lookups, except that a 404 that miss lists is one. */
bool url_status_is_own_404(const struct url_statuses *s, const struct http_answer *answer)
{
    return answer->status == 404 &&
           (!s->is_strict || is_json(answer) || rule_of(s, answer) == RULE_LISTED_MISS);
}

const char *url_status_meaning(const struct url_statuses *s, const struct http_answer *answer)
{
    return rules[rule_of(s, answer)].meaning;
}

enum { TARGET_BYTES_MAX = 100 };

static bool is_redirect(unsigned status)
{
    return status >= 300 && status < 400 && status != 304;
}

/* Returns the length of the scheme and host that a target begins with; 0: they are not shown,
 * because there are none, or characters that do not belong there: a part of the path or a password
 * could be among them. */
static size_t origin_len(const char *to)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const size_t scheme = strspn(to, letters);
    size_t len = scheme;

    if (scheme == 0 || strncmp(to + scheme, "://", 3) != 0)
        return 0;
    for (len += 3; to[len] != '\0' && strchr("/?#", to[len]) == NULL; len++) {
        if (strchr(letters, to[len]) == NULL && strchr("0123456789.-_:[]", to[len]) == NULL)
            return 0;
    }
    return len > TARGET_BYTES_MAX ? 0 : len;
}

/* Prints the scheme and host of a redirect's target: its path may have the key. */
static void print_redirect(const struct http_answer *answer, const char *begin,
                           char text[URL_STATUS_REASON_BYTES])
{
    const char *to = answer->location;
    const size_t len = to == NULL ? 0 : origin_len(to);

    snprintf(text, URL_STATUS_REASON_BYTES, "%s %u: redirects are not followed%s%.*s%s", begin,
             answer->status, len > 0 ? " (to " : "", (int)len, len > 0 ? to : "",
             len > 0 ? ")" : "");
}

void url_status_print_reason(const struct url_statuses *s, const struct http_answer *answer,
                             const char *begin, char text[URL_STATUS_REASON_BYTES])
{
    const char *type = answer->content_type == NULL ? "" : answer->content_type;

    if (is_redirect(answer->status))
        print_redirect(answer, begin, text);
    else if (rule_of(s, answer) != RULE_STRICT)
        snprintf(text, URL_STATUS_REASON_BYTES, "%s %u", begin, answer->status);
    else if (is_not_found(answer->status))
        snprintf(text, URL_STATUS_REASON_BYTES,
                 "%s %u with%s Content-Type%s%.60s, which is not the service's own \"not found\" "
                 "(strict)",
                 begin, answer->status, *type == '\0' ? "out" : "", *type == '\0' ? "" : " ", type);
    else
        snprintf(text, URL_STATUS_REASON_BYTES,
                 "%s %u, which is not the service's own \"not found\" (strict)", begin,
                 answer->status);
}

/* Returns whether a miss may be a mistake, such as a wrong host name, or http sent to a TLS port.
 */
static bool is_doubtful(const struct url_statuses *s, const struct http_answer *answer)
{
    const unsigned status = answer->status;

    return status >= 400 && status < 500 && !is_not_found(status) &&
           url_status_is_miss(s, answer) && !status_set_has_code(&s->miss, status);
}

void url_status_log_odd(struct url_statuses *s, const struct http_answer *answer, bool is_lookup,
                        struct log *log, const char *table)
{
    const unsigned status = answer->status;
    const bool is_denial = is_denied(status);

    if (!is_denial && !(is_lookup && is_doubtful(s, answer)))
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
