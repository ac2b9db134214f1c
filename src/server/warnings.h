/* warnings.h - reports settings that are allowed but probably wrong, or that will fail later. */
#ifndef PODOP_SERVER_WARNINGS_H
#define PODOP_SERVER_WARNINGS_H

#include "podop/config.h"

/* Returns whether podop runs as the user that is configured. Looks for that user, which may block.
 */
bool warnings_is_user(const struct config *config);
/* Reports the warnings of the configuration and, when podop runs as the configured user, each path
 * that this user cannot use. */
void warnings_report(const struct config *config, bool is_user, config_report_fn *warn, void *arg);
/* The same for "podop -t". If podop is root, changes to the configured user first, which cannot be
 * undone, because access(2) checks the current user. */
void warnings_report_as_user(const struct config *config, config_report_fn *warn, void *arg);

#endif
