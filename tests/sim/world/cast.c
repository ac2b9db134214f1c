/* cast.c - which actors take part, and in which of their acts, as the command line says. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct world_cast cast;

void world_cast(struct world_cast wanted)
{
    cast = wanted;
}

/* Returns whether item of len bytes is name, or the part of it before a dot. */
static bool names(const char *item, size_t len, const char *name)
{
    return len > 0 && strncmp(name, item, len) == 0 && (name[len] == '\0' || name[len] == '.');
}

/* Returns the rest of the list after the item's name, where the item names the actor, or NULL. */
static const char *find(const char *list, const char *name)
{
    const char *item = list;

    while (item != NULL) {
        const size_t len = strcspn(item, ",=");
        const size_t whole = strcspn(item, ",");

        if (names(item, len, name))
            return item + len;
        item = item[whole] == '\0' ? NULL : item + whole + 1;
    }
    return NULL;
}

/* Clients that behave, and changes of values, are no faults. */
static bool is_harmless(const char *name)
{
    return find("postfix,dovecot,change", name) != NULL;
}

bool world_has_actor(const char *name)
{
    if (find(cast.without, name) != NULL ||
        (cast.with != NULL && !is_harmless(name) && find(cast.with, name) == NULL))
        return false;
    if (cast.is_listed)
        printf("%s\n", name);
    return true;
}

bool world_has_act(const char *name, unsigned number)
{
    const char *acts = find(cast.acts, name);

    while (acts != NULL && (*acts == '=' || *acts == '+')) {
        char *end;

        if (strtoul(acts + 1, &end, 10) == number)
            return true;
        acts = end;
    }
    return acts == NULL;
}
