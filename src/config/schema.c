#include "schema.h"

#include "podop/endpoint.h"
#include "podop/mem.h"
#include "podop/suggestion.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECOND UINT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

#define FIELD(type, member)                                                                        \
    .offset = offsetof(struct type, member), .size = sizeof(((struct type *)NULL)->member)
#define GROUP_OF(array) .settings = (array), .count = ARRAY_LEN(array)

enum { NAME_BYTES_MAX = 255 };

const char *const config_table_types[] = {"url", "json", "dns", "program", NULL};

/* In the order of the enums in log.h and config.h. */
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const log_targets[] = {"stderr", "syslog", NULL};
static const char *const listen_modes[] = {"auto", "postfix", "dovecot", NULL};
static const char *const value_forms[] = {"auto", "string", NULL};
static const char *const url_encodes[] = {"path", "component", NULL};
static const char *const auth_types[] = {"none", "basic", "bearer", NULL};

static const char *const url_only[] = {"url", NULL};
static const char *const dns_only[] = {"dns", NULL};
static const char *const program_only[] = {"program", NULL};
static const char *const url_and_program[] = {"url", "program", NULL};

/* Checks of texts: NULL, or what is wrong. */

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    }
    return false;
}

static const char *check_table_name(const char *text)
{
    if (strlen(text) > NAME_BYTES_MAX)
        return "must have at most 255 bytes";
    if (has_control(text) || strchr(text, ' ') != NULL)
        return "must be without white space and control bytes";
    return NULL;
}

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

/* What podop or libcurl sends by itself, or what would change how the answer has to be read. */
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
    if (has_control(text))
        return "must be without control bytes";
    if (colon[1 + strspn(colon + 1, " ")] == '\0')
        return "must have a value behind the colon";
    if (is_own_header(name))
        return "must leave this header to podop";
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

static const char *check_unix_path(const char *text)
{
    if (text[0] != '/')
        return "must be an absolute path";
    if (strlen(text) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return "must be shorter than 108 bytes";
    return NULL;
}

static const char *check_file(const char *text)
{
    return text[0] == '/' ? NULL : "must be the absolute path of a file";
}

/* RFC 7617 section 2 */
static const char *check_auth_user(const char *text)
{
    return has_control(text) || strchr(text, ':') != NULL
               ? "must be without colons and control bytes"
               : NULL;
}

static const char *check_server(const char *text)
{
    struct endpoint ignored;

    return endpoint_parse(text, &ignored) ? NULL : "must be ADDRESS, ADDRESS:PORT or [IPV6]:PORT";
}

static const struct setting log_settings[] = {
    {"level", SETTING_ENUM, FIELD(config, log_level), .names = log_levels,
     .default_text = "\"warning\"", .doc = "what is more talkative than this is not logged"},
    {"format", SETTING_ENUM, FIELD(config, log_format), .names = log_formats,
     .default_text = "\"text\"", .doc = "key=value or one JSON object a line"},
    {"target", SETTING_ENUM, FIELD(config, log_target), .names = log_targets,
     .default_text = "\"stderr\"", .doc = "where lines go; syslog takes them as facility mail"},
};
static const struct setting_group schema_log = {.name = "log", GROUP_OF(log_settings)};

static const struct setting pool_settings[] = {
    {"max_connections", SETTING_INTEGER, FIELD(pool_config, max_connections), 1, 10000,
     .default_text = "64", .doc = "to one backend host, all tables together; more requests wait"},
    {"max_waiting", SETTING_INTEGER, FIELD(pool_config, max_waiting), 1, 1000000,
     .default_text = "10000", .doc = "for a connection to one backend; further ones fail at once"},
    {"idle_timeout", SETTING_DURATION, FIELD(pool_config, idle_timeout_ms), SECOND, DAY,
     .default_text = "\"60s\"", .doc = "how long an unused connection to a backend stays open"},
};
static const struct setting_group schema_pool = {.name = "pool", GROUP_OF(pool_settings)};

static const struct setting listen_settings[] = {
    {"socket", SETTING_STRING, FIELD(listen_config, socket), .is_mandatory = true,
     .doc = "/path, unix:/path, HOST:PORT, [::1]:PORT, inet:HOST:PORT or systemd:NAME"},
    {"mode", SETTING_ENUM, FIELD(listen_config, mode), .names = listen_modes,
     .default_text = "\"auto\"", .doc = "who speaks there; auto: told apart by the first byte"},
    {"permissions", SETTING_PERMISSIONS, FIELD(listen_config, permissions), 0, 0777,
     .default_text = "\"0660\"", .doc = "of a unix socket, in octal"},
    {"owner", SETTING_STRING, FIELD(listen_config, owner), .default_note = "podop's own user",
     .doc = "user name or number that a unix socket is given to"},
    {"group", SETTING_STRING, FIELD(listen_config, group), .default_note = "podop's own group",
     .doc = "group name or number that a unix socket is given to"},
    {"tables", SETTING_STRINGS, FIELD(listen_config, tables), .default_note = "all tables",
     .doc = "only these tables are served there"},
    {"max_clients", SETTING_INTEGER, FIELD(listen_config, max_clients), 1, 1000000,
     .default_text = "4096", .doc = "clients at a time; more of them wait in the backlog"},
    {"request_timeout", SETTING_DURATION, FIELD(listen_config, request_timeout_ms), 1, DAY,
     .default_text = "\"10s\"",
     .doc = "within which a request that began must be complete; an idle client is never closed"},
    {"reply_timeout", SETTING_DURATION, FIELD(listen_config, reply_timeout_ms), 1, DAY,
     .default_note = "the longest timeout of its tables, 1s at least",
     .doc = "within which a client must read something of the answers that wait for it"},
    {"max_request", SETTING_SIZE, FIELD(listen_config, max_request), 1, 64 * MIB,
     .default_note = "64K for a socketmap request, 1M for a dict line",
     .doc = "the longest request that is read"},
    {"max_reply", SETTING_SIZE, FIELD(listen_config, max_reply), 3, 64 * MIB,
     .default_text = "100000", .doc = "of a socketmap reply; Postfix refuses more than 100000"},
};
const struct setting_group schema_listen = {.name = "listen", GROUP_OF(listen_settings)};

static const struct setting control_settings[] = {
    {"socket", SETTING_STRING, FIELD(listen_config, socket), .check = check_unix_path,
     .default_note = "none", .may_be_empty = true, .doc = "the path of a unix socket"},
    {"permissions", SETTING_PERMISSIONS, FIELD(listen_config, permissions), 0, 0777,
     .default_text = "\"0600\"", .doc = "in octal; who may write to it rules podop"},
    {"owner", SETTING_STRING, FIELD(listen_config, owner), .default_note = "who started podop",
     .doc = "user name or number that it is given to"},
    {"group", SETTING_STRING, FIELD(listen_config, group),
     .default_note = "that of who started podop",
     .doc = "group name or number that it is given to"},
};
static const struct setting_group schema_control = {.name = "control", GROUP_OF(control_settings)};

static const struct setting cache_settings[] = {
    {"ttl", SETTING_DURATION, FIELD(cache_config, ttl_ms), 0, 30 * DAY, .default_text = "0",
     .doc = "how long a value is remembered; 0: no cache"},
    {"negative_ttl", SETTING_DURATION, FIELD(cache_config, negative_ttl_ms), 0, 30 * DAY,
     .default_note = "ttl, at most 60s", .doc = "how long a miss is remembered; 0: not at all"},
    {"stale", SETTING_DURATION, FIELD(cache_config, stale_ms), 0, 30 * DAY, .default_text = "0",
     .doc = "how much longer an entry may answer when every backend fails"},
    {"max_entries", SETTING_INTEGER, FIELD(cache_config, max_entries), 1, 100000000,
     .default_text = "100000", .doc = "the least recently used leaves first"},
    {"max_bytes", SETTING_SIZE, FIELD(cache_config, max_bytes), 1, 64 * GIB,
     .default_text = "\"64M\"", .doc = "memory for keys, values and what an entry costs besides"},
};
static const struct setting_group schema_cache = {.name = "tables.cache", GROUP_OF(cache_settings)};

static const struct setting auth_settings[] = {
    {"type", SETTING_ENUM, FIELD(auth_config, type), .names = auth_types,
     .default_text = "\"none\"", .doc = "what a request says of who podop is"},
    {"user", SETTING_STRING, FIELD(auth_config, user), .check = check_auth_user,
     .default_note = "none", .may_be_empty = true, .doc = "basic: the name"},
    {"password_file", SETTING_STRING, FIELD(auth_config, password_file), .check = check_file,
     .default_note = "none", .may_be_empty = true, .is_delicate = true,
     .doc = "basic: the first line of this file is the password"},
    {"token_file", SETTING_STRING, FIELD(auth_config, token_file), .check = check_file,
     .default_note = "none", .may_be_empty = true, .is_delicate = true,
     .doc = "bearer: the first line of this file is the token"},
};
static const struct setting_group schema_auth = {.name = "tables.auth", GROUP_OF(auth_settings)};

static const struct setting tls_settings[] = {
    {"ca_file", SETTING_STRING, FIELD(tls_config, ca_file), .check = check_file,
     .default_note = "the system's authorities", .may_be_empty = true,
     .doc = "certificates, in PEM, that may vouch for the backend's, and no others"},
    {"cert_file", SETTING_STRING, FIELD(tls_config, cert_file), .check = check_file,
     .default_note = "none", .may_be_empty = true,
     .doc = "podop's own certificate and its chain, in PEM"},
    {"key_file", SETTING_STRING, FIELD(tls_config, key_file), .check = check_file,
     .default_note = "none", .may_be_empty = true, .is_delicate = true,
     .doc = "the private key of podop's own certificate, in PEM and without a passphrase"},
};
static const struct setting_group schema_tls = {.name = "tables.tls", GROUP_OF(tls_settings)};

static const struct setting table_settings[] = {
    {"name", SETTING_STRING, FIELD(table_config, name), .check = check_table_name,
     .is_mandatory = true, .is_own = true, .doc = "what Postfix and Dovecot ask for"},
    {"type", SETTING_STRING, FIELD(table_config, type), .names = config_table_types,
     .is_mandatory = true, .is_own = true, .doc = "who answers"},
    {"param", SETTING_STRING, FIELD(table_config, param),
     .others = offsetof(struct table_config, fallbacks), .list_types = url_only,
     .is_mandatory = true, .is_own = true,
     .doc = "url: the template of the URL, or a list of them; json: the file; dns: the mail hosts; "
            "program: its command line"},
    {"timeout", SETTING_DURATION, FIELD(table_config, timeout_ms), 1, DAY,
     .default_text = "\"10s\"", .doc = "of the whole lookup, queueing and retries included"},
    {"cache", SETTING_GROUP, FIELD(table_config, cache), .group = &schema_cache,
     .doc = "answers remembered for a while"},
    {"skip", SETTING_STRINGS, FIELD(table_config, skip), .default_note = "none",
     .doc = "shell patterns; keys that match one are a miss at once, and nobody is asked"},
    {"share", SETTING_BOOL, FIELD(table_config, share), .default_note = "with a cache: true",
     .doc = "lookups of one key that wait at the same time are one request"},
    {"processes", SETTING_INTEGER, FIELD(table_config, processes), 1, 64, .default_text = "2",
     .types = program_only, .doc = "of the program, at the same time"},
    {"connect_timeout", SETTING_DURATION, FIELD(table_config, connect_timeout_ms), 1, DAY,
     .default_text = "\"2s\"", .types = url_only, .doc = "name resolution and TLS included"},
    {"retries", SETTING_INTEGER, FIELD(table_config, retries), 0, 10, .default_text = "1",
     .types = url_only, .doc = "of lookups, never of a write that may have arrived"},
    {"headers", SETTING_STRINGS, FIELD(table_config, headers), .check = check_header,
     .default_note = "none", .types = url_only, .doc = "\"Name: value\", added to each request"},
    {"auth", SETTING_GROUP, FIELD(table_config, auth), .group = &schema_auth, .types = url_only,
     .doc = "what podop shows to the backend; secrets stand in files of their own"},
    {"tls", SETTING_GROUP, FIELD(table_config, tls), .group = &schema_tls, .types = url_only,
     .doc = "of https; certificates and names are always verified"},
    {"unix_socket", SETTING_STRING, FIELD(table_config, unix_socket), .check = check_unix_path,
     .default_note = "none", .may_be_empty = true, .types = url_only,
     .doc = "HTTP over this socket, whatever host the URL names"},
    {"max_response", SETTING_SIZE, FIELD(table_config, max_response), 1, 256 * MIB,
     .default_text = "\"1M\"", .types = url_and_program,
     .doc = "a longer answer is a temporary failure"},
    {"select", SETTING_STRING, FIELD(table_config, select), .check = check_pointer,
     .default_note = "the whole answer", .may_be_empty = true, .types = url_only,
     .doc = "JSON pointer to the part of the answer that is the value; not found is a miss"},
    {"value", SETTING_ENUM, FIELD(table_config, value), .names = value_forms,
     .default_text = "\"auto\"", .types = url_only,
     .doc =
         "what is written: auto keeps what is JSON as it is, string makes a string of everything"},
    {"commit_url", SETTING_STRING, FIELD(table_config, commit_url),
     .default_note = "each change is a request of its own", .may_be_empty = true, .types = url_only,
     .doc = "template of the URL that whole transactions are posted to"},
    {"write_behind", SETTING_DURATION, FIELD(table_config, write_behind_ms), 0, HOUR,
     .default_text = "0", .types = url_and_program,
     .doc = "holds writes of a key back so long and makes only the last; a crash loses as much"},
    {"miss", SETTING_STATUSES, FIELD(table_config, miss), .default_note = "none", .types = url_only,
     .doc = "HTTP statuses that say, against the rule, that there is no such key"},
    {"temporary", SETTING_STATUSES, FIELD(table_config, temporary), .default_note = "none",
     .types = url_only, .doc = "HTTP statuses that say, against the rule, to try again later"},
    {"encode", SETTING_ENUM, FIELD(table_config, encode), .names = url_encodes,
     .default_text = "\"path\"", .types = url_only,
     .doc = "path keeps a key's '/' in the URL, component writes %2F"},
    {"servers", SETTING_STRINGS, FIELD(table_config, servers), .check = check_server,
     .default_note = "the system's", .types = dns_only, .doc = "name servers to ask"},
    {"best", SETTING_BOOL, FIELD(table_config, best), .default_text = "false", .types = dns_only,
     .doc = "only an MX record of the lowest preference counts"},
    {"implicit", SETTING_BOOL, FIELD(table_config, implicit), .default_text = "false",
     .types = dns_only, .doc = "a domain without MX records is known by its addresses"},
};
const struct setting_group schema_table = {.name = "tables", GROUP_OF(table_settings)};

static const struct setting root_settings[] = {
    {"user", SETTING_STRING, FIELD(config, user), .default_note = "who started podop",
     .doc = "user name or number to run as, once the sockets are bound"},
    {"group", SETTING_STRING, FIELD(config, group), .default_note = "the user's own group",
     .doc = "group name or number to run as"},
    {"log", SETTING_GROUP, .group = &schema_log, .doc = "what is logged, how and where to"},
    {"shutdown_timeout", SETTING_DURATION, FIELD(config, shutdown_timeout_ms), 0, HOUR,
     .default_text = "\"10s\"", .doc = "how long a stop waits for requests under way"},
    {"listen", SETTING_SECTION, FIELD(config, listen), .group = &schema_listen,
     .doc = "the sockets"},
    {"defaults", SETTING_SECTION, .group = &schema_table,
     .doc = "for every table that does not say otherwise; a list there replaces the one here"},
    {"tables", SETTING_SECTION, FIELD(config, tables), .group = &schema_table, .doc = "the tables"},
    {"pool", SETTING_GROUP, FIELD(config, pool), .group = &schema_pool,
     .doc = "HTTP connections that all tables share"},
    {"control", SETTING_GROUP, FIELD(config, control), .group = &schema_control,
     .doc = "where podopctl asks what podop knows and gives orders"},
};
const struct setting_group schema_root = {.name = "", GROUP_OF(root_settings)};

const struct setting_group *const schema_groups[] = {
    &schema_root, &schema_log, &schema_listen, &schema_table,   &schema_cache,
    &schema_auth, &schema_tls, &schema_pool,   &schema_control, NULL,
};

const char *setting_kind_name(enum setting_kind kind)
{
    static const char *const names[] = {
        [SETTING_STRING] = "string",
        [SETTING_BOOL] = "bool",
        [SETTING_INTEGER] = "integer",
        [SETTING_DURATION] = "duration",
        [SETTING_SIZE] = "size",
        [SETTING_PERMISSIONS] = "permissions",
        [SETTING_ENUM] = "enum",
        [SETTING_STRINGS] = "list of strings",
        [SETTING_STATUSES] = "list of HTTP statuses",
        [SETTING_GROUP] = "group",
        [SETTING_SECTION] = "section",
    };

    return names[kind];
}

const struct setting *schema_find(const struct setting_group *group, const char *name)
{
    for (size_t i = 0; i < group->count; i++) {
        if (strcmp(group->settings[i].name, name) == 0)
            return &group->settings[i];
    }
    return NULL;
}

void schema_hint(const struct setting_group *group, const char *name, char *out, size_t size)
{
    struct suggestion suggestion = {.word = name};

    out[0] = '\0';
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *s = &group->settings[i];

        suggestion_offer(&suggestion, s->name);
        if (s->kind == SETTING_GROUP && schema_find(s->group, name) != NULL) {
            snprintf(out, size, " (it belongs in '%s')", s->name);
            return;
        }
    }
    if (suggestion.best != NULL)
        snprintf(out, size, " (did you mean '%s'?)", suggestion.best);
}

static bool has_type(const char *const *types, const char *table_type)
{
    if (types == NULL || table_type == NULL)
        return true;
    for (; *types != NULL; types++) {
        if (strcmp(*types, table_type) == 0)
            return true;
    }
    return false;
}

bool setting_belongs_to(const struct setting *setting, const char *table_type)
{
    return has_type(setting->types, table_type);
}

bool setting_may_be_list(const struct setting *setting, const char *table_type)
{
    return has_type(setting->list_types, table_type);
}
