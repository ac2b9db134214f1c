#include "sandbox.h"

#include "instrumented.h"
#include "landlock.h"
#include "sandbox_files.h"
#include "seccomp_filter.h"

#include "config/config_type.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>

/* Returns the first table that runs programs, or NULL. */
static const struct table_config *program_table(const struct config *config)
{
    for (size_t i = 0; i < config->table_count; i++) {
        if (config->tables[i].kind->runs_programs)
            return &config->tables[i];
    }
    return NULL;
}

/* Forbids other processes of the same user to read podop's memory, where its secrets are, and core
 * dumps. */
static void hide_memory(void)
{
    if (!instrumented_traces_itself())
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Returns 0, or -1 with the reason why files are not limited. Programs of tables inherit the rules
 * and may need any file, so there are none for them. */
static int limit_files(const struct config *config, bool has_programs, struct error *err)
{
    struct landlock rules;
    int status;

    if (has_programs)
        return error_set(err, ERR_SYSTEM, "off, for the programs of tables");
    landlock_init(&rules);
    if (rules.abi == 0)
        return error_set(err, ERR_SYSTEM, "not supported by the kernel");
    sandbox_files_allow(&rules, config);
    status = landlock_enforce(&rules, err);
    landlock_deinit(&rules);
    return status;
}

/* Writes "on" or the reason why not. */
static const char *state_of(bool is_on, const struct error *why)
{
    return is_on ? "on" : why->text;
}

void sandbox_enter(struct sandbox *sandbox, const struct config *config, struct log *log)
{
    const bool has_programs = program_table(config) != NULL;
    struct error no_filter = {0}, no_rules = {0};
    bool has_filter, has_rules;

    *sandbox = (struct sandbox){0};
    if (!config->sandbox) {
        log_info(log, "sandbox", LOG_STR("state", "off"));
        return;
    }
    hide_memory();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
        log_info(log, "sandbox", LOG_STR("state", "off"), LOG_STR("reason", strerror(errno)));
        return;
    }
    has_rules = limit_files(config, has_programs, &no_rules) == 0;
    has_filter = seccomp_filter_load(has_programs, &no_filter) == 0;
    sandbox->forbids_programs = !has_programs && (has_filter || has_rules);
    log_info(log, "sandbox", LOG_STR("state", "on"),
             LOG_STR("programs", sandbox->forbids_programs ? "forbidden" : "allowed"),
             LOG_STR("seccomp", state_of(has_filter, &no_filter)),
             LOG_STR("landlock", state_of(has_rules, &no_rules)));
}

int sandbox_check(const struct sandbox *sandbox, const struct config *current,
                  const struct config *next, struct error *err)
{
    const struct table_config *table = program_table(next);

    if (current->sandbox != next->sandbox)
        return error_set(err, ERR_CONFIG, "'sandbox' cannot change at a reload: restart podop");
    if (!sandbox->forbids_programs || table == NULL)
        return 0;
    return error_set(err, ERR_CONFIG,
                     "%s: table '%s' runs a program, which the sandbox forbids since podop was "
                     "started without such a table: restart podop",
                     table->origin, table->name);
}
