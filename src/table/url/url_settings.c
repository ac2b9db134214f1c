/* url_settings.c - the schema of a url table's settings. */
#include "url_settings.h"

#include "podop/mem.h"

#include <string.h>
#include <strings.h>

#define FIELD(member) SETTING_FIELD(url_settings, member)

/* In the order of the enums in url_settings.h. */
static const char *const value_forms[] = {"auto", "string", NULL};
static const char *const lookup_methods[] = {"get", "post", NULL};
static const char *const url_encodes[] = {"path", "component", NULL};
static const char *const url_balances[] = {"first", "spread", NULL};
static const char *const auth_types[] = {"none", "basic", "bearer", NULL};

/* Checks of texts: they return NULL, or what is wrong. */

/* RFC 9110 section 5.6.2 */
static bool is_token(struct span text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              strchr(others, c) != NULL))
            return false;
    }
    return text.len > 0;
}

/* Returns whether podop sends the header itself, or the header would change the form of the answer.
 */
static bool is_own_header(struct span name)
{
    static const char *const own[] = {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "podop-expire",
        "podop-table",
        "podop-timestamp",
        "podop-user",
        "proxy-connection",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    };

    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (strlen(own[i]) == name.len && strncasecmp(own[i], name.ptr, name.len) == 0)
            return true;
    }
    return false;
}

static const char *check_header(const char *text)
{
    const char *colon = strchr(text, ':');
    struct span name;

    if (colon == NULL)
        return "must be of the form \"Name: value\"";
    name = (struct span){text, (size_t)(colon - text)};
    if (!is_token(name))
        return "must begin with a valid header name and a colon";
    if (setting_has_control(text))
        return "must not contain control bytes";
    if (colon[1 + strspn(colon + 1, " ")] == '\0')
        return "must have a value after the colon";
    if (is_own_header(name))
        return "must not be a header that podop sets";
    return NULL;
}

/* RFC 6901 section 3; what it points to depends on the answer. */
static const char *check_pointer(const char *text)
{
    if (text[0] != '/')
        return "must be empty or begin with '/'";
    for (; *text != '\0'; text++) {
        if (*text == '~' && text[1] != '0' && text[1] != '1')
            return "must have each '~' written as '~0' (and '/' in a name as '~1')";
    }
    return NULL;
}

/* RFC 7617 section 2 */
static const char *check_auth_user(const char *text)
{
    return setting_has_control(text) || strchr(text, ':') != NULL
               ? "must not contain colons or control bytes"
               : NULL;
}

static const struct setting auth_settings[] = {
    {"type", SETTING_ENUM, SETTING_FIELD(auth_config, type), .names = auth_types,
     .default_text = "\"none\"", .doc = "how podop authenticates itself to the backend"},
    {"user", SETTING_STRING, SETTING_FIELD(auth_config, user), .check = check_auth_user,
     .default_note = "none", .may_be_empty = true, .doc = "basic: the user"},
    {"password_file", SETTING_STRING, SETTING_FIELD(auth_config, password_file),
     .check = setting_check_file, .need = PATH_READ, .default_note = "none", .may_be_empty = true,
     .is_delicate = true, .doc = "basic: a file whose first line is the password"},
    {"token_file", SETTING_STRING, SETTING_FIELD(auth_config, token_file),
     .check = setting_check_file, .need = PATH_READ, .default_note = "none", .may_be_empty = true,
     .is_delicate = true, .doc = "bearer: a file whose first line is the token"},
};
static const struct setting_group auth_group = {.name = "tables.auth", SETTINGS_OF(auth_settings)};

static const struct setting tls_settings[] = {
    {"ca_file", SETTING_STRING, SETTING_FIELD(tls_config, ca_file), .check = setting_check_file,
     .need = PATH_READ, .default_note = "the system's authorities", .may_be_empty = true,
     .doc = "certificate authorities, in PEM, that the backend's certificate is verified against"},
    {"cert_file", SETTING_STRING, SETTING_FIELD(tls_config, cert_file), .check = setting_check_file,
     .need = PATH_READ, .default_note = "none", .may_be_empty = true,
     .doc = "podop's own certificate and its chain, in PEM"},
    {"key_file", SETTING_STRING, SETTING_FIELD(tls_config, key_file), .check = setting_check_file,
     .need = PATH_READ, .default_note = "none", .may_be_empty = true, .is_delicate = true,
     .doc = "the private key of podop's own certificate, in PEM and without a passphrase"},
};
static const struct setting_group tls_group = {.name = "tables.tls", SETTINGS_OF(tls_settings)};

static const struct setting settings[] = {
    {"connect_timeout", SETTING_DURATION, FIELD(connect_timeout_ms), 1, SETTING_DAY_MS,
     .default_text = "\"2s\"", .doubted_s = 100, .is_awaited = true,
     .doc = "time for one connection, with name resolution and TLS"},
    {"retries", SETTING_INTEGER, FIELD(retries), 0, 10, .default_text = "1",
     .doc = "further attempts of a lookup when the connection fails"},
    {"balance", SETTING_ENUM, FIELD(balance), .names = url_balances, .default_text = "\"first\"",
     .doc = "first asks the others only after failures, spread shares lookups between all"},
    {"headers", SETTING_STRINGS, FIELD(headers), .check = check_header, .default_note = "none",
     .doc = "\"Name: value\", added to each request"},
    {"auth", SETTING_GROUP, FIELD(auth), .group = &auth_group,
     .doc = "how podop authenticates itself; secrets are in files of their own"},
    {"tls", SETTING_GROUP, FIELD(tls), .group = &tls_group,
     .doc = "certificates for https; the backend's is always verified"},
    {"unix_socket", SETTING_STRING, FIELD(unix_socket), .check = setting_check_unix_path,
     .need = PATH_CONNECT, .default_note = "none", .may_be_empty = true,
     .doc = "unix socket to which HTTP requests go, whatever host the URL names"},
    {"max_response", SETTING_SIZE, FIELD(max_response), 1, 256 * SETTING_MIB,
     .default_text = "\"1M\"", .doc = "a longer answer is a temporary failure"},
    {"select", SETTING_STRING, FIELD(select), .check = check_pointer,
     .default_note = "the whole answer", .may_be_empty = true,
     .doc = "JSON pointer to the value in the answer"},
    {"error", SETTING_STRING, FIELD(error), .check = check_pointer, .default_note = "none",
     .may_be_empty = true, .doc = "JSON pointer to a failure in an answer of success"},
    {"strict", SETTING_BOOL, FIELD(strict), .default_text = "false",
     .doc = "a 404 is a miss only if it is JSON, and any other doubtful miss is a failure"},
    {"value", SETTING_ENUM, FIELD(value), .names = value_forms, .default_text = "\"auto\"",
     .doc = "how values are written: auto leaves JSON as it is, string makes all a string"},
    {"commit_url", SETTING_STRING, FIELD(commit_url),
     .default_note = "each change is a request of its own", .may_be_empty = true,
     .doc = "template of a URL that gets a whole transaction as one POST"},
    {"miss", SETTING_STATUSES, FIELD(miss), .default_note = "none",
     .doc = "HTTP statuses that mean that there is no such key"},
    {"temporary", SETTING_STATUSES, FIELD(temporary), .default_note = "none",
     .doc = "HTTP statuses that mean to try again later"},
    {"lookup", SETTING_ENUM, FIELD(lookup), .names = lookup_methods, .default_text = "\"get\"",
     .doc = "post sends a lookup as a POST whose body has the key, so that the URL need not"},
    {"encode", SETTING_ENUM, FIELD(encode), .names = url_encodes, .default_text = "\"path\"",
     .doc = "path leaves a slash of the key as it is, component writes it as %2F"},
};
const struct setting_group url_settings = {.name = "tables", SETTINGS_OF(settings)};
