/* forms.h - shows under which keys a table is asked for a key. Private to podopctl. */
#ifndef PODOP_CTL_FORMS_H
#define PODOP_CTL_FORMS_H

#include "options.h"
#include "status.h"

/* Looks key up over the control socket, and prints each form of it with its result on standard
 * error. Returns EXIT_FOUND, or the status of a failure, whose reason is printed as well. */
enum exit_status forms_print(const struct options *options, const char *table, const char *key);

#endif
