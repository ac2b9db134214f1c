/* scene.h - what a seed makes of podop's configuration: tables, backends and their names. The
 * configuration text is written from it, the clients ask by it, and the model judges by it. */
#ifndef SIM_SCENE_H
#define SIM_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scene_type { SCENE_URL, SCENE_PROGRAM, SCENE_JSON, SCENE_DNS };

enum { SCENE_BACKENDS_MAX = 4, SCENE_TABLES_MAX = 24 };

#define SCENE_OTHER_PATH "/other"       /* before a path: the same service */
#define SCENE_OTHER_QUERY "?d={domain}" /* after it, for podop to tell keys apart by their URLs */

/* An HTTP server, or a program, that serves one store of the model. */
struct scene_backend {
    const char *name;    /* "web1" */
    const char *address; /* where it listens: "127.0.0.1:8001", "/path"; of a program, its file */
    const char *host; /* the name in URLs, "web1.sim.example", or NULL: the address stands there */
    unsigned store;   /* which store of the model; several backends may serve the same */
    const char *authority; /* TLS: of its certificate; NULL: no TLS */
};

/* The rules for keys that a table had from from_ns on, until until_ns at most; see model/keys.h. */
struct scene_rules {
    unsigned rules;
    int64_t from_ns, until_ns;
};
enum { SCENE_RULES = 9, SCENE_RULES_KEPT = 32 };

struct scene_table {
    const char *name;
    enum scene_type type;
    const struct scene_backend *backends[SCENE_BACKENDS_MAX]; /* of its URLs, in order */
    size_t backend_count;
    const char *path; /* the path of its URLs before "/{}": "/alias"; of a program or a json
                       * table, its file */
    unsigned store;
    /* Settings now, and the most generous ones of all configurations of this run, because a request
     * may have begun under another one. */
    int64_t timeout_ns, timeout_most_ns, timeout_least_ns;
    int64_t ttl_ns, ttl_most_ns; /* 0: no cache */
    int64_t negative_ttl_ns, negative_ttl_most_ns;
    int64_t stale_ns, stale_most_ns;
    int64_t write_behind_ns; /* 0: writes are made before they are answered */
    bool was_write_behind;   /* at some time of this run */
    bool is_writable, has_commit_url, is_strict, is_spread;
    bool has_error;     /* the setting error: answers with 200 may tell of a failure */
    bool has_search;    /* several forms of a key are looked up: model/forms.h */
    bool is_shared;     /* the setting share, or a cache */
    bool was_shared;    /* at some time of this run */
    bool is_named;      /* its URLs have names, which DNS must resolve */
    bool has_lists;     /* iterations can be made */
    bool has_spellings; /* clients write its keys in several ways, and reloads change its rules */
    unsigned rules;     /* for keys, now; see model/keys.h */
    struct scene_rules rules_log[SCENE_RULES_KEPT]; /* the last ones, rules_count in all */
    unsigned rules_count;
    bool has_other_path, has_other_host; /* its URLs name the same service in another way */
    unsigned retries, processes;
    int64_t connect_timeout_ns;
    bool is_absent;                          /* a reload has taken it away */
    bool was_absent;                         /* at some time of this run */
    int64_t absent_from_ns, absent_until_ns; /* the last such time; until 0: it goes on */
};

/* Authorities that sign certificates: one that every system knows, and one of a file. */
#define SCENE_PUBLIC_AUTHORITY "public-authority"
#define SCENE_AUTHORITY "own-authority"

/* The keys of a table that its clients ask for. Which of them exist is known by the model only. */
enum {
    SCENE_STATIC_KEYS = 40, /* "s0" ...; the world changes them, clients do not */
    SCENE_LISTED_KEYS = 12, /* "dir/e0" ...; they never change */
    SCENE_USERS = 4,        /* writers, each with keys of its own: "k0/u1@sim.example" ... */
    SCENE_TEXT_KEYS = 4,    /* of a user, that are set and unset: "k0/..." */
    SCENE_NUMBER_KEYS = 2,  /* of a user, that are incremented as well: "n0/..." */
    SCENE_KEY_BYTES = 96,
};

struct scene {
    const char *directory;
    const char *socket, *inet, *control; /* podop's addresses */
    const char *config;                  /* the file */
    const char *ca_file;                 /* SCENE_AUTHORITY in PEM, or what is like it */
    struct scene_table tables[SCENE_TABLES_MAX];
    size_t table_count;
    struct scene_backend backends[SCENE_TABLES_MAX];
    size_t backend_count;
    unsigned store_count; /* stores have the numbers below this */
    int64_t shutdown_timeout_ns, shutdown_timeout_most_ns;
    unsigned max_connections; /* of the pool, to one backend */
    const char *log_level;
    bool is_faulty; /* the file has a fault now */
    /* Backends are slow, and reloads frequent; eager clients come back to keys of transactions
     * without an answer, and the other path has SCENE_OTHER_QUERY. */
    bool has_slow_writes;
};

/* Makes tables and backends from the seed, and writes the configuration and its files into the
 * directory. only: NULL, or the names of tables with commas, of which no other is made. */
void scene_make(struct scene *scene, const char *directory, const char *only);

/* Fills the stores of the model with the first values. */
void scene_fill(const struct scene *scene);

/* Fills text with the host of the backend's URLs, without a port. Returns text. */
const char *scene_host(const struct scene_backend *backend, char *text, size_t size);

struct sim_random;

/* What a reload changes. */
enum scene_change {
    SCENE_UNCHANGED,
    SCENE_TIMEOUTS,
    SCENE_CACHES,
    SCENE_URLS, /* their order, and how many */
    SCENE_WRITE_BEHIND,
    SCENE_TABLE_AWAY,
    SCENE_TABLE_BACK,
    SCENE_KEYS,       /* the rules for keys */
    SCENE_PLACES,     /* paths and hosts of URLs, to the same service */
    SCENE_OTHER_BACK, /* tables come back with other rules, paths and hosts */
    SCENE_LOG,
    SCENE_FAULTY, /* a text with a fault */
    SCENE_CHANGES
};
extern const char *const scene_change_names[SCENE_CHANGES];

/* Writes another configuration; podop does not know it before a reload. Ends by itself what an
 * earlier SCENE_FAULTY has made. */
void scene_change(struct scene *scene, enum scene_change change, struct sim_random *random);

/* Writes the configuration as the scene is now. */
void scene_write(struct scene *scene);

/* Takes the present settings into the most generous ones. */
void scene_remember(struct scene *scene);

/* Writes the file of a json table from the model. is_broken: the file has a fault, and podop keeps
 * the old one. */
void scene_write_json(const struct scene_table *table, bool is_renamed, bool is_broken);
int64_t scene_json_written_ns(void); /* the last time of that, of any table */

/* Returns the first table of this store, or NULL. */
const struct scene_table *scene_table_of_store(const struct scene *scene, unsigned store);

/* Keys, as tables know them. Those of users are asked for by Dovecot as "priv/k0" as well. */
void scene_static_key(const struct scene_table *table, unsigned number, char key[SCENE_KEY_BYTES]);
void scene_listed_key(unsigned number, char key[SCENE_KEY_BYTES]);
void scene_user_key(const struct scene_table *table, bool is_number, unsigned number, unsigned user,
                    char key[SCENE_KEY_BYTES]);
/* Fills key with one that a table with search is asked for, or with any of its forms. */
void scene_form_key(struct sim_random *random, bool is_any_form, char key[SCENE_KEY_BYTES]);
void scene_user(const struct scene_table *table, unsigned user, char name[SCENE_KEY_BYTES / 2]);
/* Writes a key in one of several ways, which some rules for keys make one and others do not. */
void scene_spell(const struct scene_table *table, struct sim_random *random,
                 char key[SCENE_KEY_BYTES]);

#endif
