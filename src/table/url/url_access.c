#include "url_access.h"

#include "podop/log.h"
#include "podop/mem.h"

#include <strings.h>

static bool is_https(const char *url)
{
    return url != NULL && strncasecmp(url, "https:", strlen("https:")) == 0;
}

int url_access_check(const struct table_config *config, struct error *err)
{
    const struct url_settings *settings = url_settings_of(config);
    const struct tls_config *tls = &settings->tls;
    bool has_https = is_https(config->param) || is_https(settings->commit_url);

    for (size_t i = 0; i < config->fallbacks.count; i++)
        has_https = has_https || is_https(config->fallbacks.items[i]);
    if ((tls->ca_file != NULL || tls->cert_file != NULL) && !has_https)
        return error_set(err, ERR_CONFIG, "'tls' needs an https URL");
    return 0;
}

static struct secret *read_line(const char *setting, const char *file, struct url_access *access,
                                struct error *err)
{
    struct secret *line = secret_read_line(file, err);

    if (line == NULL)
        error_prefix(err, "%s", setting);
    else
        access->is_auth_exposed = secret_is_exposed(line);
    return line;
}

static int open_basic(struct url_access *access, const struct auth_config *auth, struct error *err)
{
    struct secret *password = read_line("password_file", auth->password_file, access, err);
    struct secret *plain, *coded;

    if (password == NULL)
        return -1;
    plain = secret_concat(
        (const struct span[]){span_of(auth->user), SPAN(":"), secret_span(password)}, 3);
    coded = secret_base64(secret_span(plain));
    access->authorization =
        secret_concat((const struct span[]){SPAN("Authorization: Basic "), secret_span(coded)}, 2);
    secret_free(&coded);
    secret_free(&plain);
    secret_free(&password);
    return 0;
}

/* A header can carry everything that is printable and not a blank. RFC 6750 allows less, but
 * servers differ. */
static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~') /* a byte above 127 may be negative */
            return false;
    }
    return true;
}

static int open_bearer(struct url_access *access, const struct auth_config *auth, struct error *err)
{
    struct secret *token = read_line("token_file", auth->token_file, access, err);

    if (token == NULL)
        return -1;
    if (is_token(secret_span(token)))
        access->authorization = secret_concat(
            (const struct span[]){SPAN("Authorization: Bearer "), secret_span(token)}, 2);
    else
        error_set(err, ERR_CONFIG,
                  "token_file: %s: not a token: it contains blanks or is not ASCII",
                  auth->token_file);
    secret_free(&token);
    return access->authorization == NULL ? -1 : 0;
}

static int open_auth(struct url_access *access, const struct auth_config *auth, struct error *err)
{
    switch (auth->type) {
    case AUTH_NONE: break;
    case AUTH_BASIC: return open_basic(access, auth, err);
    case AUTH_BEARER: return open_bearer(access, auth, err);
    }
    return 0;
}

/* Returns NULL when no file is given, and NULL with the reason in err when it cannot be used. */
static struct secret *read_pem(const char *setting, const char *file, const char *label,
                               struct error *err)
{
    struct secret *pem = file == NULL ? NULL : secret_read_file(file, err);

    if (file == NULL)
        return NULL;
    if (pem == NULL) {
        error_prefix(err, "%s", setting);
        return NULL;
    }
    if (strstr(secret_text(pem), label) == NULL) {
        error_set(err, ERR_CONFIG, "%s: %s: has no %s in PEM", setting, file,
                  strstr(label, "KEY") == NULL ? "certificate" : "private key");
        secret_free(&pem);
    }
    return pem;
}

static bool has_tls(const struct url_access *access, const struct http_tls *tls)
{
    const struct http_tls all = url_access_tls(access);

    return (tls->ca.len == 0 || span_equal(tls->ca, all.ca)) &&
           (tls->cert.len == 0 || span_equal(tls->cert, all.cert)) &&
           (tls->key.len == 0 || span_equal(tls->key, all.key));
}

/* Skips certificates that were checked before, so that a reload without changes, or tables that
 * share their files, do not delay the loop. */
static int check_tls(const struct http_tls *tls, const struct url_access_known *known,
                     struct error *err)
{
    if ((known->http != NULL && http_uses_tls(known->http, tls)) ||
        (known->access != NULL && has_tls(known->access, tls)))
        return 0;
    return http_check_tls(tls, err);
}

static int check_ca(const struct url_access *access, const char *file,
                    const struct url_access_known *known, struct error *err)
{
    const struct http_tls tls = {.ca = secret_span(access->ca)};

    return check_tls(&tls, known, err) == -1 ? error_prefix(err, "ca_file: %s", file) : 0;
}

static int check_cert(const struct url_access *access, const struct tls_config *config,
                      const struct url_access_known *known, struct error *err)
{
    const struct http_tls tls = {.cert = secret_span(access->cert),
                                 .key = secret_span(access->key)};

    struct error why = {0};

    if (check_tls(&tls, known, &why) == 0)
        return 0;
    return error_set(err, ERR_CONFIG,
                     "cert_file %s and key_file %s do not match, are broken or need a passphrase: "
                     "%s",
                     config->cert_file, config->key_file, why.text);
}

static int open_tls(struct url_access *access, const struct tls_config *tls,
                    const struct url_access_known *known, struct error *err)
{
    static const char certificate[] = "CERTIFICATE-----"; /* also "BEGIN TRUSTED CERTIFICATE" */

    access->ca = read_pem("ca_file", tls->ca_file, certificate, err);
    if (tls->ca_file != NULL &&
        (access->ca == NULL || check_ca(access, tls->ca_file, known, err) == -1))
        return -1;
    if (tls->cert_file == NULL)
        return 0;
    access->cert = read_pem("cert_file", tls->cert_file, certificate, err);
    if (access->cert == NULL)
        return -1;
    access->key = read_pem("key_file", tls->key_file, "PRIVATE KEY-----", err);
    if (access->key == NULL)
        return -1;
    return check_cert(access, tls, known, err);
}

int url_access_open(struct url_access *access, const struct auth_config *auth,
                    const struct tls_config *tls, const struct url_access_known *known,
                    struct error *err)
{
    *access = (struct url_access){0};
    if (open_auth(access, auth, err) == -1)
        return -1;
    return open_tls(access, tls, known, err);
}

void url_access_close(struct url_access *access)
{
    secret_free(&access->authorization);
    secret_free(&access->ca);
    secret_free(&access->cert);
    secret_free(&access->key);
}

static bool is_same_secret(const struct secret *a, const struct secret *b)
{
    return span_equal(secret_span(a), secret_span(b));
}

bool url_access_equal(const struct url_access *a, const struct url_access *b)
{
    return is_same_secret(a->authorization, b->authorization) && is_same_secret(a->ca, b->ca) &&
           is_same_secret(a->cert, b->cert) && is_same_secret(a->key, b->key);
}

static void log_exposed(const char *file, const char *table, struct log *log)
{
    log_warning(log, "secret_exposed", LOG_STR("table", table), LOG_STR("file", file));
}

void url_access_log_exposed(const struct url_access *access, const struct auth_config *auth,
                            const struct tls_config *tls, const char *table, struct log *log)
{
    if (access->is_auth_exposed)
        log_exposed(auth->type == AUTH_BASIC ? auth->password_file : auth->token_file, table, log);
    if (access->key != NULL && secret_is_exposed(access->key))
        log_exposed(tls->key_file, table, log);
}

struct http_tls url_access_tls(const struct url_access *access)
{
    return (struct http_tls){
        .ca = secret_span(access->ca),
        .cert = secret_span(access->cert),
        .key = secret_span(access->key),
    };
}
