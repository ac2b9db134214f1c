#include "client_relief.h"

#include "client.h"

static struct client *client_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct client, node);
}

static size_t average_bytes(const struct clients *clients)
{
    size_t count = 0;

    LIST_FOR_EACH (node, &clients->all)
        count += client_of(node)->counted_bytes > 0;
    return count == 0 ? 0 : clients->memory.bytes / count;
}

static bool is_to_go(const struct client *c, size_t average, bool spares_readers)
{
    return c->counted_bytes > 0 && c->counted_bytes >= average &&
           (c->is_stalled || !spares_readers);
}

static void disconnect_largest(struct clients *clients, bool spares_readers)
{
    const size_t average = average_bytes(clients);

    LIST_FOR_EACH_SAFE (node, &clients->all) {
        struct client *c = client_of(node);

        if (!client_memory_is_high(&clients->memory))
            return;
        if (is_to_go(c, average, spares_readers))
            client_disconnect(&c, "all clients together leave too much unread, and this client is "
                                  "one of those that leave most");
    }
}

static void relieve(void *arg, bool spares_readers)
{
    struct clients *clients = arg;

    disconnect_largest(clients, spares_readers);
    LIST_FOR_EACH (node, &clients->all) {
        struct client *c = client_of(node);

        c->is_stalled = c->counted_bytes > 0; /* until it reads */
    }
}

static void relieved(void *arg)
{
    struct clients *clients = arg;

    LIST_FOR_EACH (node, &clients->all) {
        struct client *c = client_of(node);

        if (client_pending(c) > 0)
            client_turns_wake(&clients->turns, &c->turn);
    }
}

const struct client_memory_ops client_relief = {.relieve = relieve, .relieved = relieved};
