/* world.h - what all actors of a run share: the scene, the state of podop as the world knows it,
 * and what is counted. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "../kernel/kernel.h"
#include "../model/judge.h"
#include "../model/ledger.h"
#include "../run/scene.h"

enum world_phase {
    WORLD_BUSY,       /* faults come and go */
    WORLD_RECOVERING, /* all faults have ended, but their consequences may last for 31 s */
    WORLD_CALM,       /* every request must be answered right, with no excuse */
    WORLD_DRAINING,   /* clients send no more requests */
    WORLD_OVER,       /* podop has been told to stop for the last time */
};

enum world_count {
    WORLD_POSTFIX_LOOKUPS,
    WORLD_DICT_LOOKUPS,
    WORLD_ITERATIONS,
    WORLD_COMMITS,
    WORLD_COMMANDS,
    WORLD_UNJUDGED, /* requests of clients that do not wait for their answers */
    WORLD_FOUND,
    WORLD_MISSES,
    WORLD_FAILURES,
    WORLD_LOST, /* requests whose connection ended */
    WORLD_COUNTS
};
extern const char *const world_count_names[WORLD_COUNTS];

enum { WORLD_FAULT_KINDS_MAX = 64 };

struct world {
    struct scene *scene;
    enum world_phase phase;
    int64_t began_ns;
    double pace; /* of all pauses of clients; 1: some requests a second from each */
    uint64_t counts[WORLD_COUNTS];
    uint64_t requests_max; /* the busy phase ends after so many */
    struct {
        const char *name;
        uint64_t count;
    } faults[WORLD_FAULT_KINDS_MAX];
    /* podop */
    bool is_podop_up;     /* between its start and its end */
    int64_t started_ns;   /* its last start */
    int64_t stop_told_ns; /* the last SIGTERM; 0: none yet */
    int64_t ended_ns;     /* its last end; 0: none yet */
    uint64_t lives;
    int64_t
        calls_failed_ns;  /* calls failed until then, connections were reset; INT64_MAX: they do */
    int64_t log_flows_ns; /* the log was not blocked since then; INT64_MAX: it is blocked */
    struct ledger *ledger;
};

/* Counts a fault and writes it to the transcript. */
void world_fault(struct world *world, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void world_count_answer(struct world *world, enum judge_status status);
uint64_t world_requests(const struct world *world);

/* Returns whether podop was told to stop, or did not run, at some time since then: it may have hung
 * up without an answer. */
bool world_was_stopped(const struct world *world, int64_t since_ns);

/* Returns whether connections may have ended since then: by a stop, or by system calls that failed.
 */
bool world_may_hang_up(const struct world *world, int64_t since_ns);

/* Returns a table of the scene that podop has (or had a moment ago); accepts decides, NULL: any. */
const struct scene_table *world_table(const struct world *world, struct sim_random *random,
                                      bool (*accepts)(const struct scene_table *table));

/* Fills key with one that clients look up in the table. */
void world_key(const struct scene_table *table, struct sim_random *random,
               char key[SCENE_KEY_BYTES]);

/* Which actors there are: names with commas between them, or NULL. A name stands for all actors
 * whose names begin with it and a dot as well: "dovecot" for "dovecot.3". */
struct world_cast {
    const char *without; /* these are left out */
    const char *with;    /* of the faults, only these take part; NULL: all */
    const char
        *acts;      /* "NAME=3+7,NAME=1": of these, the others do only the acts of these numbers */
    bool is_listed; /* the names of all actors are printed */
};
void world_cast(struct world_cast cast);
bool world_has_actor(const char *name);
bool world_has_act(const char *name, unsigned number);

#endif
