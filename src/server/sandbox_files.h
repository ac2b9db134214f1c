/* sandbox_files.h - the files that podop may still open after its start: those of the system that
 * its libraries read, and the directories of those that the configuration names. */
#ifndef PODOP_SERVER_SANDBOX_FILES_H
#define PODOP_SERVER_SANDBOX_FILES_H

#include "landlock.h"

#include "podop/settings.h"

/* Adds the rules. Whole directories, because a file is often replaced by another one of its name,
 * and a reload may name new files beside it. */
void sandbox_files_allow(const struct landlock *rules, const struct config *config);

#endif
