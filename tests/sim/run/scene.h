/* scene.h - what a seed makes of podop's configuration: tables, backends and their names. The
 * configuration text is written from it, the clients ask by it, and the model judges by it. */
#ifndef SIM_SCENE_H
#define SIM_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scene_type { SCENE_URL, SCENE_PROGRAM, SCENE_JSON, SCENE_DNS };

enum { SCENE_BACKENDS_MAX = 4, SCENE_TABLES_MAX = 24 };

/* An HTTP server, or a program, that serves one store of the model. */
struct scene_backend {
    const char *name;      /* "web1" */
    const char *address;   /* where it listens: "127.0.0.1:8001", "/path" */
    const char *host;      /* the name in URLs, "web1.example", or NULL: the address stands there */
    unsigned store;        /* which store of the model; several backends may serve the same */
};

struct scene_table {
    const char *name;
    enum scene_type type;
    const struct scene_backend *backends[SCENE_BACKENDS_MAX]; /* of its URLs, in order */
    size_t backend_count;
    const char *path;        /* the path of its URLs before "/{}": "/alias"; of a program, its file */
    unsigned store;
    /* Settings now, and the most generous ones of all configurations of this run, because a request
     * may have begun under another one. */
    int64_t timeout_ns, timeout_most_ns;
    int64_t ttl_ns, ttl_most_ns;         /* 0: no cache */
    int64_t negative_ttl_ns, negative_ttl_most_ns;
    int64_t stale_ns, stale_most_ns;
    int64_t write_behind_ns;             /* 0: writes are made before they are answered */
    bool is_writable, has_commit_url, is_strict, has_search, is_folded, is_spread;
    bool is_absent;                      /* a reload has taken it away */
    bool was_absent;                     /* at some time of this run */
};

struct scene {
    struct scene_table tables[SCENE_TABLES_MAX];
    size_t table_count;
    struct scene_backend backends[SCENE_TABLES_MAX];
    size_t backend_count;
    int64_t shutdown_timeout_ns;
};

#endif
