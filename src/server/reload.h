/* reload.h - a reload, up to the point where what runs is replaced: a thread reads the
 * configuration and the files that take long, then the tables are opened in slices. Nothing that
 * runs is touched meanwhile. */
#ifndef PODOP_SERVER_RELOAD_H
#define PODOP_SERVER_RELOAD_H

#include "podop/json_files.h"
#include "podop/router.h"

struct reload; /* one under way */

/* What was read. */
struct reloaded {
    struct config *config;
    struct json_files *json_files;
    struct router *router;
};

struct reload_env {
    const struct config_source *source;
    const struct json_files *json_files; /* of the tables that are open now */
    struct table_env tables;             /* but for json_files */
    config_report_fn *report;            /* of each fault, from the loop */
    /* Called from the loop, once config is there, before any table is opened: 0, or -1 when it
     * cannot be taken, which was reported. */
    int (*check)(void *arg, const struct config *config);
    /* Called once, from the loop, when it is done; *result is to be taken and cleared. NULL: there
     * were faults. reload is gone. */
    void (*done)(void *arg, struct reloaded *result);
    void *arg; /* of report, check and done */
};

/* Starts one. env is copied, and what it borrows stays as it is until the end. */
struct reload *reload_start(const struct reload_env *env);

/* Gives it up: none of env's functions is called any more. It may go on for a moment by itself. */
void reload_cancel(struct reload *reload);

/* Waits for its thread. *reload becomes NULL; a NULL *reload is fine. */
void reload_free(struct reload **reload);

/* Reads the files of all of config's tables at once. */
void reload_read_files(const struct config *config, struct json_files *files,
                       const struct json_files *previous);

#endif
