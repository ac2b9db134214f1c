/* checked_config.h - loads configurations for fuzzers, and holds what is reported about them to
 * what the headers promise for any input. */
#ifndef PODOP_TESTS_FUZZ_CHECKED_CONFIG_H
#define PODOP_TESTS_FUZZ_CHECKED_CONFIG_H

#include "podop/config.h"

/* Writes a file into a directory of this process, which is removed at exit. Returns its path. */
const char *checked_config_write(const char *name, struct span text);
/* Loads source with podop's own types. Returns NULL when there was a fault. */
struct config *checked_config_load(const struct config_source *source);
/* Aborts unless both are NULL or have the same settings. */
void checked_config_same(const struct config *a, const struct config *b);

#endif
