#include "admin.h"

#include "wire.h"

#include "podop/mem.h"

#include <stdio.h>
#include <string.h>

/* A connection with one command. */
struct command {
    struct world *world;
    struct wire wire;
    admin_reloaded_fn *reloaded; /* of a reload; or NULL */
    int64_t sent_ns;
};

static size_t under_way;

bool admin_is_done(void)
{
    return under_way == 0;
}

static void end(struct command *command)
{
    wire_close(&command->wire);
    free(command);
    under_way--;
}

static bool begins_with(struct span line, const char *text)
{
    return line.len >= strlen(text) && memcmp(line.ptr, text, strlen(text)) == 0;
}

static size_t on_data(void *arg, struct span in)
{
    struct command *command = arg;
    const char *feed = memchr(in.ptr, '\n', in.len);
    const struct span line = {in.ptr, feed == NULL ? 0 : (size_t)(feed - in.ptr)};

    if (feed == NULL)
        return 0;
    sim_trace("control answers %.*s", (int)(line.len < 100 ? line.len : 100), line.ptr);
    if (!begins_with(line, "{\"ok\":true") && !begins_with(line, "{\"ok\":false"))
        sim_broken("no control answer", "'%.*s'", (int)line.len, line.ptr);
    if (line.len + 1 != in.len)
        sim_broken("unasked answer", "more than one line of the control socket");
    if (command->reloaded != NULL)
        command->reloaded(command->world, begins_with(line, "{\"ok\":true"), command->sent_ns);
    end(command);
    return in.len;
}

static void on_end(void *arg, enum sim_end how)
{
    struct command *command = arg;

    (void)how;
    if (!world_may_hang_up(command->world, command->sent_ns))
        sim_broken("hung up", "podop hung up on the control client");
    end(command);
}

static void write_command(struct actor *a, char *text, size_t size)
{
    const struct scene_table *table = world_table(a->world, &a->random, NULL);
    const double dice = sim_random_unit(&a->random);
    char key[SCENE_KEY_BYTES];

    world_key(table, &a->random, key);
    if (dice < 0.3)
        snprintf(text, size, "{\"command\":\"stats\"}\n");
    else if (dice < 0.5)
        snprintf(text, size, "{\"command\":\"flush\",\"table\":\"%s\"}\n", table->name);
    else if (dice < 0.7)
        snprintf(text, size, "{\"command\":\"flush\",\"table\":\"%s\",\"key\":\"%s\"}\n",
                 table->name, key);
    else
        snprintf(text, size, "{\"command\":\"explain\",\"table\":\"%s\",\"key\":\"%s\"}\n",
                 table->name, key);
}

static void send_command(struct world *world, const char *text, struct sim_route route,
                         admin_reloaded_fn *reloaded)
{
    static const struct wire_ops ops = {on_data, on_end};
    struct command *command = xcalloc(1, sizeof(*command));

    command->world = world;
    command->reloaded = reloaded;
    command->sent_ns = sim_now();
    under_way++;
    if (!wire_open(&command->wire, world->scene->control, &ops, command, route)) {
        end(command);
        return;
    }
    sim_trace("control asks %.*s", (int)strcspn(text, "\n"), text);
    world->counts[WORLD_COMMANDS]++;
    wire_write(&command->wire, span_of(text));
}

static void ask(struct actor *a)
{
    char text[300];

    write_command(a, text, sizeof(text));
    send_command(a->world, text, wire_route(&a->random), NULL);
}

void admin_reload(struct world *world, admin_reloaded_fn *done)
{
    send_command(world, "{\"command\":\"reload\"}\n", (struct sim_route){0}, done);
}

void admin_start(struct world *world)
{
    actor_start(world, "admin", ask, NULL, 2);
}
