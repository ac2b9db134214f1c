/* admin.c - the commands flush and reload, whose answer is only whether they succeeded. */
#include "command.h"
#include "control.h"

static enum exit_status run(const struct options *o, const char *command, const char *table,
                            const char *key)
{
    struct error err = {0};
    enum exit_status status;
    struct buf answer;
    bool ignored;

    if (control_ask(o, command, table, key, &answer, &err) == -1)
        status = output_fault(&err, EXIT_FAILED);
    else
        status = control_begin_output(o, &answer, &ignored);
    buf_deinit(&answer);
    if (output_flush(&err) == -1)
        status = exit_worse(status, output_fault(&err, EXIT_FAILED));
    return status;
}

enum exit_status command_flush(const struct options *o)
{
    const char *key = o->count > 2 ? o->args[2] : NULL;

    if (!control_can_carry(o))
        return output_usage("arguments for the control socket must be UTF-8");
    if (key == NULL && o->user != NULL)
        return output_usage("--user needs a KEY to flush");
    return run(o, "flush", o->args[1], key);
}

enum exit_status command_reload(const struct options *o)
{
    return run(o, "reload", NULL, NULL);
}
