/* reload.h - prepares one reload: a thread reads the configuration and the files of its tables, and
 * resolves the host names of new sockets, then the loop opens the tables in slices. The running
 * configuration stays as it is; the caller replaces it with the result. */
#ifndef PODOP_SERVER_RELOAD_H
#define PODOP_SERVER_RELOAD_H

#include "podop/json_files.h"
#include "podop/router.h"

struct reload;

/* The result of a reload. */
struct reloaded {
    struct config *config;
    struct json_files *json_files;
    struct router *router;
};

struct reload_env {
    const struct config_source *source;
    const struct config *config;         /* the running one; NULL: there is none */
    const struct json_files *json_files; /* the files of the present tables */
    struct table_env tables;             /* its json_files are set by the reload */
    config_report_fn *report;            /* called from the loop for each fault */
    /* Called from the loop when the configuration is read, before any table is opened. Returns 0,
     * or -1 after it has reported why this configuration cannot be used. */
    int (*check)(void *arg, const struct config *config);
    /* Called once, from the loop, at the end. Takes members of *result by setting them to NULL; the
     * others are freed. result is NULL after a fault. The struct reload is freed already. */
    void (*done)(void *arg, struct reloaded *result);
    void *arg; /* of report, check and done */
};

/* Starts a reload. env is copied; what env points to must not change until the end. */
struct reload *reload_start(const struct reload_env *env);

/* Abandons the reload: no function of env is called any more. Its thread may still run until
 * reload_free(). */
void reload_cancel(struct reload *reload);

/* Waits for the thread, then frees. *reload becomes NULL; a NULL *reload is fine. */
void reload_free(struct reload **reload);

/* Reads the files of all tables of config into files, or takes them from previous (may be NULL)
 * when they have not changed. */
void reload_read_files(const struct config *config, struct json_files *files,
                       const struct json_files *previous);

#endif
