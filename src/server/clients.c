#include "clients.h"

#include "client.h"
#include "client_input.h"
#include "client_output.h"
#include "client_relief.h"
#include "protocol/protocols.h"

#include <stdlib.h>

static void serve_woken(void *arg)
{
    struct clients *clients = arg;
    struct client_turn *turn;

    client_turns_begin(&clients->turns);
    client_memory_begin_turn(&clients->memory);
    while (!client_memory_is_turn_over(&clients->memory) &&
           (turn = client_turns_take(&clients->turns)) != NULL)
        client_serve(CONTAINER_OF(turn, struct client, turn));
    client_turns_end(&clients->turns);
}

void clients_init(struct clients *clients, struct ev_loop *loop, struct log *log)
{
    *clients = (struct clients){
        .loop = loop,
        .log = log,
        .find_protocol = protocol_find,
        .scratch = xmalloc_aligned(SCRATCH_ALIGNMENT, SCRATCH_BYTES),
    };
    list_init(&clients->all);
    client_turns_init(&clients->turns, loop, serve_woken, clients);
    client_memory_init(&clients->memory, loop, &client_relief, clients);
}

void clients_deinit(struct clients *clients)
{
    struct list_node *node;

    clients->on_gone = NULL;
    while ((node = list_first(&clients->all)) != NULL) {
        struct client *c = CONTAINER_OF(node, struct client, node);

        client_free(&c);
    }
    client_turns_deinit(&clients->turns);
    client_memory_deinit(&clients->memory);
    client_output_free_spares(clients);
    free(clients->scratch);
}

void clients_add(struct clients *clients, struct listener *listener, int fd)
{
    client_new(clients, listener, fd);
}

struct client_counts clients_count(const struct clients *clients)
{
    struct client_counts counts = {0};

    LIST_FOR_EACH (node, &clients->all) {
        counts.clients++;
        counts.requests += client_pending(CONTAINER_OF(node, struct client, node));
    }
    return counts;
}

void clients_stop(struct clients *clients)
{
    LIST_FOR_EACH (node, &clients->all)
        client_input_read_last(CONTAINER_OF(node, struct client, node));
}
