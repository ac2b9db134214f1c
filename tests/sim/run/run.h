/* run.h - the run of one seed: its phases, its end and its figures. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "../world/world.h"

#include <stdbool.h>
#include <stdint.h>

enum run_profile {
    RUN_DENSE, /* seconds of heavy traffic */
    RUN_DAILY, /* hours of sparse traffic */
    RUN_LONG,  /* days with a request now and then */
    RUN_PROFILES
};

struct run_options {
    uint64_t seed;
    const char *directory; /* private and empty */
    enum run_profile profile;
    double seconds;    /* virtual, until the faults end; 0: as the profile has it */
    uint64_t requests; /* the faults end after so many; 0: no limit */
    const char *only;  /* names of tables, with commas between them; NULL: all */
    struct world_cast cast;
    bool is_traced; /* everything is printed as it happens */
    bool is_kept;   /* a transcript is printed when a promise is broken */
    bool is_json;
};

const char *run_profile_name(enum run_profile profile);
bool run_find_profile(const char *name, enum run_profile *profile);

/* Runs a seed, prints its figures on one line, and returns the exit status. Once a process. A
 * broken promise ends the process. */
int run_seed(const struct run_options *options);

#endif
