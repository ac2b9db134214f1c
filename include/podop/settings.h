/* settings.h - the checked settings as plain structs. struct config owns all strings and arrays;
 * nothing in it changes until the last config_unref(). */
#ifndef PODOP_SETTINGS_H
#define PODOP_SETTINGS_H

#include "podop/allow.h"
#include "podop/error.h"
#include "podop/log.h"
#include "podop/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct socket_addresses;

struct string_list {
    char **items;
    size_t count;
};

enum listen_mode { MODE_AUTO, MODE_POSTFIX, MODE_DOVECOT, MODE_CONTROL, MODE_HTTP };

/* What 'owner' and 'group' of a socket name. */
struct socket_accounts {
    bool has_uid, has_gid; /* the setting is there, and was found */
    uid_t uid;
    gid_t gid;
    struct error failure; /* why one was not found; without a text: nothing failed */
};

struct listen_config {
    char *origin; /* for messages: "FILE:LINE" or "--name", never NULL */
    char *socket; /* as written: /path, unix:/path, HOST:PORT, inet:HOST:PORT */
    enum listen_mode mode;
    unsigned permissions; /* of a unix socket, e.g. 0660 */
    char *owner, *group;  /* names or numbers; NULL: not changed */
    struct socket_accounts accounts;
    /* of a socket with a host name that a reload adds, see reload_resolve.h; NULL: not resolved */
    struct socket_addresses *resolved;
    struct string_list allow;  /* users, groups and networks, as written */
    struct allow_list allowed; /* what they mean */
    struct string_list tables; /* only these are served here; empty: all */
    uint32_t max_clients;
    uint32_t request_timeout_ms;
    uint32_t reply_timeout_ms; /* 0: the longest timeout of its tables */
    size_t max_request;        /* bytes; 0: the protocol's own default */
    size_t max_reply;          /* bytes of a socketmap reply's payload */
};

static inline bool listen_config_is_set(const struct listen_config *listen)
{
    return listen->socket != NULL && listen->socket[0] != '\0';
}

struct cache_config {
    uint32_t ttl_ms; /* 0: no cache */
    uint32_t negative_ttl_ms;
    uint32_t stale_ms;
    uint32_t max_entries;
    size_t max_bytes;
};

/* In the order of the names in schema.c. */
enum key_fold { KEY_FOLD_NONE, KEY_FOLD_ALL, KEY_FOLD_DOMAIN };
enum key_idna { KEY_IDNA_NONE, KEY_IDNA_ASCII, KEY_IDNA_UNICODE };

/* How the keys of a table are written, and under which other keys they are looked up. */
struct key_config {
    enum key_fold fold;
    enum key_idna idna;
    struct string_list search; /* names of forms and presets; empty: the key alone */
    char *extension;           /* the delimiters; NULL: none */
    bool propagate;
};

/* HTTP status codes and classes. A code takes precedence over its class. */
struct status_set {
    uint64_t codes[8]; /* bit n: 100 + n */
    unsigned classes;  /* bit n: n00 to n99 */
};

static inline bool status_set_has_code(const struct status_set *set, unsigned code)
{
    return code >= 100 && code < 100 + 64 * 8 &&
           (set->codes[(code - 100) / 64] >> (code - 100) % 64 & 1) != 0;
}

static inline bool status_set_has_class(const struct status_set *set, unsigned code)
{
    return code < 1000 && (set->classes >> code / 100 & 1) != 0;
}

struct config_type;
struct config_types;

struct table_config {
    char *origin; /* as in listen_config */
    char *name;
    char *type;
    char *param;                  /* the first item if param is a list */
    struct string_list fallbacks; /* the other items */
    uint32_t timeout_ms;
    struct cache_config cache;
    struct key_config key;
    struct string_list skip;        /* shell patterns */
    bool share;                     /* concurrent lookups of one key are one request */
    uint32_t write_behind_ms;       /* 0: writes are made at once */
    const struct config_type *kind; /* the type that the string type names */
    void *settings;                 /* a struct of that type; NULL: the type has no settings */
};

struct pool_config {
    uint32_t max_connections; /* per backend host */
    uint32_t max_waiting;     /* requests that wait for a connection to one backend host */
    uint32_t idle_timeout_ms;
};

/* A file or directory that podop uses after its start, when it may run as another user. */
enum path_need { PATH_NONE, PATH_READ, PATH_RUN, PATH_CONNECT, PATH_MAKE_SOCKETS };
struct config_path {
    char *origin; /* "FILE:LINE" of the setting */
    char *path;
    enum path_need need;
};

struct config {
    unsigned refs;
    char *user, *group; /* NULL: privileges are kept */
    bool sandbox;       /* after its start, podop gives up what it does not need */
    enum log_level log_level;
    enum log_format log_format;
    enum log_target log_target;
    uint32_t shutdown_timeout_ms;
    struct pool_config pool;
    struct listen_config control; /* the socket of podopctl; its path may be NULL: none */
    struct listen_config http;    /* the socket for metrics and health; NULL or empty: none */
    struct listen_config *listen;
    size_t listen_count;
    struct table_config *tables;
    size_t table_count;
    struct config_path *paths;
    size_t path_count;
    struct string_list warnings; /* "FILE:LINE: warning: ...": settings that are probably wrong */
};

/* What the command line adds to the file, as cmdline_parse() fills it. Strings are borrowed. */
struct cmdline_socket {
    const char *socket;
    const char *mode; /* NULL: auto */
};
struct cmdline_table {
    const char *name, *type, *param;
};
struct cmdline_set {
    struct span path; /* of --set PATH=VALUE: all before the first '=' */
    const char *value;
};
/* Checks that the caller of config_load() adds to those of the schema. Each returns 0, or -1 with
 * the reason in err, and may be NULL. A failure of user or group is only a warning. */
struct config_checks {
    int (*listen)(const struct listen_config *listen, struct error *err); /* no system call */
    int (*user)(const char *name, struct error *err);                     /* does it exist? */
    int (*group)(const char *name, struct error *err);                    /* does it exist? */
};

struct config_source {
    const char *file; /* NULL: no file is read */
    const struct cmdline_socket *sockets;
    size_t socket_count;
    const struct cmdline_table *tables;
    size_t table_count;
    const struct cmdline_set *sets;
    size_t set_count;
    int verbose;                        /* 1: at least info, 2: debug */
    const struct config_types *types;   /* of tables; constant data that outlives every config */
    const struct config_checks *checks; /* NULL: none */
};

/* Reports one fault. text is a line without control bytes: "FILE:LINE: message", "FILE: message"
 * for a whole file, or "--set x=y: message". It is borrowed for the call. */
typedef void config_report_fn(void *arg, const char *text);

#endif
