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

/* Logs a secret that other users can read. It is used nevertheless. */
static void log_exposed(const struct secret *secret, const char *file,
                        const struct table_config *config, struct log *log)
{
    if (secret_is_exposed(secret))
        log_warning(log, "secret_exposed", LOG_STR("table", config->name), LOG_STR("file", file));
}

static struct secret *read_line(const char *setting, const char *file,
                                const struct table_config *config, struct log *log,
                                struct error *err)
{
    struct secret *line = secret_read_line(file, err);

    if (line == NULL)
        error_prefix(err, "%s", setting);
    else
        log_exposed(line, file, config, log);
    return line;
}

static int open_basic(struct url_access *access, const struct table_config *config, struct log *log,
                      struct error *err)
{
    const char *file = url_settings_of(config)->auth.password_file;
    struct secret *password = read_line("password_file", file, config, log, err);
    struct secret *plain, *coded;

    if (password == NULL)
        return -1;
    plain = secret_concat((const struct span[]){span_of(url_settings_of(config)->auth.user),
                                                SPAN(":"), secret_span(password)},
                          3);
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

static int open_bearer(struct url_access *access, const struct table_config *config,
                       struct log *log, struct error *err)
{
    const char *file = url_settings_of(config)->auth.token_file;
    struct secret *token = read_line("token_file", file, config, log, err);

    if (token == NULL)
        return -1;
    if (is_token(secret_span(token)))
        access->authorization = secret_concat(
            (const struct span[]){SPAN("Authorization: Bearer "), secret_span(token)}, 2);
    else
        error_set(err, ERR_CONFIG,
                  "token_file: %s: not a token: it contains blanks or is not ASCII", file);
    secret_free(&token);
    return access->authorization == NULL ? -1 : 0;
}

static int open_auth(struct url_access *access, const struct table_config *config, struct log *log,
                     struct error *err)
{
    switch (url_settings_of(config)->auth.type) {
    case AUTH_NONE: break;
    case AUTH_BASIC: return open_basic(access, config, log, err);
    case AUTH_BEARER: return open_bearer(access, config, log, err);
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

/* Skips certificates that an open table uses already and has checked, so that a reload without
 * changes, or tables that share their files, do not delay the loop. */
static int check_tls(const struct http_tls *tls, const struct http *http, struct error *err)
{
    return http_uses_tls(http, tls) ? 0 : http_check_tls(tls, err);
}

static int check_ca(const struct url_access *access, const char *file, const struct http *http,
                    struct error *err)
{
    const struct http_tls tls = {.ca = secret_span(access->ca)};

    return check_tls(&tls, http, err) == -1 ? error_prefix(err, "ca_file: %s", file) : 0;
}

static int check_cert(const struct url_access *access, const struct tls_config *config,
                      const struct http *http, struct error *err)
{
    const struct http_tls tls = {.cert = secret_span(access->cert),
                                 .key = secret_span(access->key)};

    struct error why = {0};

    if (check_tls(&tls, http, &why) == 0)
        return 0;
    return error_set(err, ERR_CONFIG,
                     "cert_file %s and key_file %s do not match, are broken or need a passphrase: "
                     "%s",
                     config->cert_file, config->key_file, why.text);
}

static int open_tls(struct url_access *access, const struct table_config *config,
                    const struct http *http, struct log *log, struct error *err)
{
    static const char certificate[] = "CERTIFICATE-----"; /* also "BEGIN TRUSTED CERTIFICATE" */
    const struct tls_config *tls = &url_settings_of(config)->tls;

    access->ca = read_pem("ca_file", tls->ca_file, certificate, err);
    if (tls->ca_file != NULL &&
        (access->ca == NULL || check_ca(access, tls->ca_file, http, err) == -1))
        return -1;
    if (tls->cert_file == NULL)
        return 0;
    access->cert = read_pem("cert_file", tls->cert_file, certificate, err);
    if (access->cert == NULL)
        return -1;
    access->key = read_pem("key_file", tls->key_file, "PRIVATE KEY-----", err);
    if (access->key == NULL)
        return -1;
    log_exposed(access->key, tls->key_file, config, log);
    return check_cert(access, tls, http, err);
}

int url_access_open(struct url_access *access, const struct table_config *config,
                    const struct http *http, struct log *log, struct error *err)
{
    *access = (struct url_access){0};
    if (open_auth(access, config, log, err) == -1)
        return -1;
    return open_tls(access, config, http, log, err);
}

void url_access_close(struct url_access *access)
{
    secret_free(&access->authorization);
    secret_free(&access->ca);
    secret_free(&access->cert);
    secret_free(&access->key);
}

struct http_tls url_access_tls(const struct url_access *access)
{
    return (struct http_tls){
        .ca = secret_span(access->ca),
        .cert = secret_span(access->cert),
        .key = secret_span(access->key),
    };
}
