/* orders.c - flush and reload: orders whose answer is that they are done. */
#include "command.h"
#include "control.h"

static enum exit_status order(const struct options *o, const char *command, const char *table,
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
        return command_usage("the control socket takes UTF-8 only");
    if (key == NULL && o->user != NULL)
        return command_usage("--user needs a key to be flushed");
    return order(o, "flush", o->args[1], key);
}

enum exit_status command_reload(const struct options *o)
{
    return order(o, "reload", NULL, NULL);
}
