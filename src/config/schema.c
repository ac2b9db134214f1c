#include "schema.h"

#include "podop/mem.h"

#include "mail/key_form_kind.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define MIB SETTING_MIB
#define GIB (1024 * MIB)
#define SECOND SETTING_SECOND_MS
#define DAY SETTING_DAY_MS
#define HOUR (DAY / 24)

#define FIELD(type, member) SETTING_FIELD(type, member)

enum { NAME_BYTES_MAX = 255 };

/* In the order of the enums in log.h and settings.h. */
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const log_targets[] = {"stderr", "syslog", NULL};
static const char *const key_folds[] = {"false", "true", "domain", NULL};
static const char *const key_idnas[] = {"none", "ascii", "unicode", NULL};
static const char *const listen_modes[] = {"auto", "postfix", "dovecot", NULL};

/* Checks of texts. Each returns NULL, or a fault such as "must not contain control bytes". */

bool setting_has_control(const char *text)
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
    if (setting_has_control(text) || strchr(text, ' ') != NULL)
        return "must not contain white space or control bytes";
    return NULL;
}

const char *setting_check_unix_path(const char *text)
{
    if (text[0] != '/')
        return "must be an absolute path";
    if (strlen(text) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return "must be shorter than 108 bytes";
    return NULL;
}

const char *setting_check_file(const char *text)
{
    return text[0] == '/' ? NULL : "must be the absolute path of a file";
}

static const struct setting log_settings[] = {
    {"level", SETTING_ENUM, FIELD(config, log_level), .names = log_levels,
     .default_text = "\"warning\"", .doc = "the least severe level that is logged"},
    {"format", SETTING_ENUM, FIELD(config, log_format), .names = log_formats,
     .default_text = "\"text\"", .doc = "key=value pairs, or one JSON object on each line"},
    {"target", SETTING_ENUM, FIELD(config, log_target), .names = log_targets,
     .default_text = "\"stderr\"", .doc = "where lines are written; to syslog as facility mail"},
};
static const struct setting_group schema_log = {.name = "log", SETTINGS_OF(log_settings)};

static const struct setting pool_settings[] = {
    {"max_connections", SETTING_INTEGER, FIELD(pool_config, max_connections), 1, 10000,
     .default_text = "64",
     .doc = "maximum number of connections to one backend, for all tables; further requests wait"},
    {"max_waiting", SETTING_INTEGER, FIELD(pool_config, max_waiting), 1, 1000000,
     .default_text = "10000",
     .doc = "maximum number of requests that wait for one backend; further ones fail at once"},
    {"idle_timeout", SETTING_DURATION, FIELD(pool_config, idle_timeout_ms), SECOND, DAY,
     .doubted_s = 3600, .default_text = "\"60s\"",
     .doc = "how long an unused connection to a backend stays open"},
};
static const struct setting_group schema_pool = {.name = "pool", SETTINGS_OF(pool_settings)};

static const struct setting listen_settings[] = {
    {"socket", SETTING_STRING, FIELD(listen_config, socket), .is_mandatory = true,
     .doc = "/path, unix:/path, HOST:PORT, [::1]:PORT, inet:HOST:PORT or systemd:NAME"},
    {"mode", SETTING_ENUM, FIELD(listen_config, mode), .names = listen_modes,
     .default_text = "\"auto\"",
     .doc = "protocol of the clients; auto: chosen by the first byte of each"},
    {"permissions", SETTING_PERMISSIONS, FIELD(listen_config, permissions), 0, 0777,
     .default_text = "\"0660\"", .doc = "permissions of a unix socket, in octal"},
    {"owner", SETTING_STRING, FIELD(listen_config, owner),
     .default_note = "the user who started podop",
     .doc = "owner of a unix socket, as a name or a number"},
    {"group", SETTING_STRING, FIELD(listen_config, group),
     .default_note = "the group of the user who started podop",
     .doc = "group of a unix socket, as a name or a number"},
    {"allow", SETTING_STRINGS, FIELD(listen_config, allow), .may_be_one = true,
     .default_note = "every client",
     .doc = "the clients that may connect: users and groups to a unix socket, networks to TCP"},
    {"tables", SETTING_STRINGS, FIELD(listen_config, tables), .default_note = "all tables",
     .doc = "the tables that are served on this socket"},
    {"max_clients", SETTING_INTEGER, FIELD(listen_config, max_clients), 1, 1000000,
     .default_text = "4096",
     .doc = "maximum number of connected clients; further ones wait in the backlog"},
    {"request_timeout", SETTING_DURATION, FIELD(listen_config, request_timeout_ms), 1, DAY,
     .doubted_s = 999, .default_text = "\"10s\"",
     .doc = "time in which a whole request must arrive, from its first byte to its last"},
    {"reply_timeout", SETTING_DURATION, FIELD(listen_config, reply_timeout_ms), 1, DAY,
     .default_note = "the longest timeout of its tables, 1s at least",
     .doc = "how long a client may read nothing while answers wait for it"},
    {"max_request", SETTING_SIZE, FIELD(listen_config, max_request), 1, 64 * MIB,
     .default_note = "64K for a socketmap request, 1M for a dict line",
     .doc = "the longest request; a client with a longer one is disconnected"},
    {"max_reply", SETTING_SIZE, FIELD(listen_config, max_reply), 3, 64 * MIB,
     .default_text = "100000",
     .doc = "the longest socketmap reply; Postfix refuses more than 100000 bytes"},
};
const struct setting_group schema_listen = {.name = "listen", SETTINGS_OF(listen_settings)};

static const struct setting control_settings[] = {
    {"socket", SETTING_STRING, FIELD(listen_config, socket), .check = setting_check_unix_path,
     .default_note = "none", .may_be_empty = true, .doc = "the path of a unix socket"},
    {"permissions", SETTING_PERMISSIONS, FIELD(listen_config, permissions), 0, 0777,
     .default_text = "\"0600\"",
     .doc = "permissions of the socket, in octal; a client that can write to it controls podop"},
    {"owner", SETTING_STRING, FIELD(listen_config, owner),
     .default_note = "the user who started podop",
     .doc = "owner of the socket, as a name or a number"},
    {"group", SETTING_STRING, FIELD(listen_config, group),
     .default_note = "the group of the user who started podop",
     .doc = "group of the socket, as a name or a number"},
    {"allow", SETTING_STRINGS, FIELD(listen_config, allow), .may_be_one = true,
     .default_note = "every client", .doc = "the users and groups that may connect"},
};
static const struct setting_group schema_control = {.name = "control",
                                                    SETTINGS_OF(control_settings)};

static const struct setting http_settings[] = {
    {"socket", SETTING_STRING, FIELD(listen_config, socket), .default_note = "none",
     .may_be_empty = true,
     .doc = "/path, unix:/path, HOST:PORT, [::1]:PORT, inet:HOST:PORT or systemd:NAME"},
    {"permissions", SETTING_PERMISSIONS, FIELD(listen_config, permissions), 0, 0777,
     .default_text = "\"0660\"", .doc = "permissions of a unix socket, in octal"},
    {"owner", SETTING_STRING, FIELD(listen_config, owner),
     .default_note = "the user who started podop",
     .doc = "owner of a unix socket, as a name or a number"},
    {"group", SETTING_STRING, FIELD(listen_config, group),
     .default_note = "the group of the user who started podop",
     .doc = "group of a unix socket, as a name or a number"},
    {"allow", SETTING_STRINGS, FIELD(listen_config, allow), .may_be_one = true,
     .default_note = "every client",
     .doc = "the clients that may connect: users and groups to a unix socket, networks to TCP"},
};
static const struct setting_group schema_http = {.name = "http", SETTINGS_OF(http_settings)};

static const struct setting cache_settings[] = {
    {"ttl", SETTING_DURATION, FIELD(cache_config, ttl_ms), 0, 30 * DAY, .default_text = "0",
     .doc = "how long a value is cached; 0: not at all"},
    {"negative_ttl", SETTING_DURATION, FIELD(cache_config, negative_ttl_ms), 0, 30 * DAY,
     .default_note = "ttl, at most 60s", .doc = "how long a miss is cached; 0: not at all"},
    {"stale", SETTING_DURATION, FIELD(cache_config, stale_ms), 0, 30 * DAY, .default_text = "0",
     .doc = "how much longer a value is kept, to answer lookups that would otherwise fail"},
    {"max_entries", SETTING_INTEGER, FIELD(cache_config, max_entries), 1, 100000000,
     .default_text = "100000",
     .doc = "maximum number of entries; the least recently used one is dropped first"},
    {"max_bytes", SETTING_SIZE, FIELD(cache_config, max_bytes), 1, 64 * GIB,
     .default_text = "\"64M\"", .doc = "maximum memory of all entries"},
};
static const struct setting_group schema_cache = {.name = "tables.cache",
                                                  SETTINGS_OF(cache_settings)};

/* What key_form_is_known() knows; a test holds both equal. */
static const char *const key_searches[] = {
    "key",       "user@domain", "user+ext",  "user",  "@domain", "domain",
    ".domain",   "parents",     "user+ext@", "user@", "*",       "virtual",
    "canonical", "transport",   "access",    NULL,
};

static const char *check_delimiters(const char *text)
{
    if (setting_has_control(text) || strpbrk(text, "@\" ") != NULL)
        return "must be delimiters such as \"+\", without blanks, quotes and '@'";
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80) /* a byte of it could be part of another letter */
            return "must be delimiters in ASCII";
    }
    return NULL;
}

static const struct setting key_settings[] = {
    {"fold", SETTING_ENUM, FIELD(key_config, fold), .names = key_folds, .default_text = "false",
     .doc = "whether keys are turned to lower case: all of them, or their domains alone"},
    {"idna", SETTING_ENUM, FIELD(key_config, idna), .names = key_idnas, .default_text = "\"none\"",
     .doc = "how domains in keys are written: as they are, as A-labels or as U-labels"},
    {"search", SETTING_STRINGS, FIELD(key_config, search), .names = key_searches,
     .may_be_one = true, .preset = key_form_preset, .default_note = "the key alone",
     .doc = "forms of the key, looked up in this order until one is found"},
    {"extension", SETTING_STRING, FIELD(key_config, extension), .check = check_delimiters,
     .default_note = "none", .may_be_empty = true,
     .doc = "the characters that begin an address extension, recipient_delimiter of Postfix"},
    {"propagate", SETTING_BOOL, FIELD(key_config, propagate), .default_text = "false",
     .doc = "whether an extension that was cut off is put into the addresses of the value"},
};
static const struct setting_group schema_key = {.name = "tables.key", SETTINGS_OF(key_settings)};

static const struct setting table_settings[] = {
    {"name", SETTING_STRING, FIELD(table_config, name), .check = check_table_name,
     .is_mandatory = true, .is_own = true,
     .doc = "the name by which Postfix and Dovecot ask for the table"},
    {"type", SETTING_STRING, FIELD(table_config, type), .is_mandatory = true, .is_own = true,
     .doc = "what answers: an HTTP service, a file, DNS or a program"},
    {"param", SETTING_STRING, FIELD(table_config, param),
     .others = offsetof(struct table_config, fallbacks), .is_mandatory = true, .is_own = true,
     .doc = "what the type asks: a URL, a file, mail hosts or a command line"},
    {"timeout", SETTING_DURATION, FIELD(table_config, timeout_ms), 1, DAY,
     .default_text = "\"10s\"", .doubted_s = 100, .is_awaited = true,
     .doc = "time for a whole lookup or transaction, waiting and retries included"},
    {"cache", SETTING_GROUP, FIELD(table_config, cache), .group = &schema_cache,
     .doc = "the cache of answers"},
    {"key", SETTING_GROUP, FIELD(table_config, key), .group = &schema_key,
     .doc = "how keys are written, and which other keys are tried"},
    {"skip", SETTING_STRINGS, FIELD(table_config, skip), .default_note = "none",
     .doc = "shell patterns; a key that matches one is a miss without a lookup"},
    {"share", SETTING_BOOL, FIELD(table_config, share), .default_note = "with a cache: true",
     .doc = "whether concurrent lookups of the same key share one request"},
    {"write_behind", SETTING_DURATION, FIELD(table_config, write_behind_ms), 0, HOUR,
     .default_text = "0", .is_for_writes = true, .doubted_s = 999,
     .doc = "how long a write is pending before it is made; a crash of podop loses it"},
};
const struct setting_group schema_table = {.name = "tables", SETTINGS_OF(table_settings)};

static const struct setting root_settings[] = {
    {"user", SETTING_STRING, FIELD(config, user), .default_note = "the user who started podop",
     .doc = "user that podop changes to after it has opened its sockets"},
    {"group", SETTING_STRING, FIELD(config, group), .default_note = "the user's own group",
     .doc = "group that podop changes to"},
    {"sandbox", SETTING_BOOL, FIELD(config, sandbox), .default_text = "true",
     .doc = "whether podop gives up, after its start, what it does not need of the system"},
    {"log", SETTING_GROUP, .group = &schema_log, .doc = "level, format and target of the log"},
    {"shutdown_timeout", SETTING_DURATION, FIELD(config, shutdown_timeout_ms), 0, HOUR,
     .doubted_s = 999, .default_text = "\"10s\"",
     .doc = "how long podop waits, when it stops, for requests under way and pending writes"},
    {"listen", SETTING_SECTION, .group = &schema_listen, .doc = "the sockets, at least one"},
    {"defaults", SETTING_SECTION, .group = &schema_table,
     .doc = "settings for all tables that do not have these settings themselves"},
    {"tables", SETTING_SECTION, .group = &schema_table, .doc = "the tables, at least one"},
    {"pool", SETTING_GROUP, FIELD(config, pool), .group = &schema_pool,
     .doc = "HTTP connections to the backends, shared by all tables"},
    {"control", SETTING_GROUP, FIELD(config, control), .group = &schema_control,
     .doc = "the socket for podopctl"},
    {"http", SETTING_GROUP, FIELD(config, http), .group = &schema_http,
     .doc = "the socket for metrics and health checks"},
};
const struct setting_group schema_root = {.name = "", SETTINGS_OF(root_settings)};

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
