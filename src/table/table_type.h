/* table_type.h - what a type of table has to provide, and what table.c does for it. */
#ifndef PODOP_TABLE_TYPE_H
#define PODOP_TABLE_TYPE_H

#include "podop/buf.h"
#include "podop/hash.h"
#include "podop/outage.h"
#include "podop/table.h"

struct table_ops;

/* Every type's struct begins with this one; table.c fills it. */
struct table {
    const struct table_ops *ops;
    unsigned refs;
    char *name;
    struct string_list skip;
    uint32_t timeout_ms;
    struct table_env env;
    struct outage outage; /* of what is behind it */
    struct cache *cache; /* NULL: none */
    bool shares;         /* lookups of one key that wait at the same time are one fetch */
    struct fetch **shared;
    struct hash_key shared_key;
};

/* One question to a type: who waits for its answer is table.c's business. A type's struct begins
 * with this one (its size is fetch_bytes). The key is borrowed and stays until the fetch ends. */
struct fetch {
    struct table *table;
    struct span identity; /* what the cache knows the key by */
    struct table_key key;
    uint64_t deadline_at_ms;
    struct table_op *waiting;
    struct fetch *next_shared;
    bool is_starting; /* start() has not returned yet */
    bool is_finished; /* the answer is being told: nothing left to cancel */
};

struct table_ops {
    const char *type; /* "url", as podop.conf spells it */
    size_t fetch_bytes;
    /* What is wrong with config, as far as that shows without opening anything; NULL: nothing. */
    int (*check)(const struct table_config *config, struct error *err);
    /* Allocates the type's struct and leaves base to table.c. NULL with the reason in err. */
    struct table *(*open)(const struct table_config *config, const struct table_env *env,
                          struct error *err);
    void (*close)(struct table *table); /* frees it; nothing is under way */
    /* Ends in one fetch_finish(), now or later. */
    void (*start)(struct fetch *fetch);
    void (*cancel)(struct fetch *fetch); /* gives up what start() began; NULL: it never waits */
};

/* The answer is there: everybody who waits gets it, and fetch is gone when this returns. */
void fetch_finish(struct fetch *fetch, const struct reply *reply);

extern const struct table_ops table_url;
extern const struct table_ops table_json;

#endif
