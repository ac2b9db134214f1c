#include "fake_peer.h"

#include "podop/mem.h"
#include "podop/table.h"

#include <stdlib.h>
#include <string.h>

static void on_wake(void *arg)
{
    struct fake_peer *peer = arg;

    peer->wakes++;
}

static struct table *find_table(struct service *service, struct span name)
{
    const struct fake_tables *tables = CONTAINER_OF(service, struct fake_peer, service)->tables;

    for (size_t i = 0; i < tables->count; i++) {
        if (span_equal(table_name(tables->tables[i]->table), name))
            return tables->tables[i]->table;
    }
    return NULL;
}

static void log_unknown_table(struct service *service, const char *protocol, struct span name)
{
    struct fake_peer *peer = CONTAINER_OF(service, struct fake_peer, service);

    (void)name;
    if (strcmp(protocol, peer->protocol->name) != 0)
        abort();
    peer->unknown_tables++;
}

void fake_peer_open(struct fake_peer *peer, const struct protocol_ops *protocol,
                    const struct fake_tables *tables)
{
    *peer = (struct fake_peer){.protocol = protocol, .tables = tables};
    peer->listen.max_reply = 100000;
    peer->service = (struct service){
        .refs = 1,
        .find_table = find_table,
        .log_unknown_table = log_unknown_table,
        .listen = &peer->listen,
        .log = &peer->log,
    };
    buf_init(&peer->in, SIZE_MAX);
    buf_init(&peer->out, SIZE_MAX);
    peer->session = protocol->open(&(struct session_io){
        .service = &peer->service,
        .out = &peer->out,
        .wake = on_wake,
        .wake_arg = peer,
        .conn = 17,
        .is_under_memory_pressure = &peer->is_under_memory_pressure,
    });
}

void fake_peer_reload(struct fake_peer *peer, const struct fake_tables *tables)
{
    peer->tables = tables;
    peer->service.serial++;
}

void fake_peer_close(struct fake_peer *peer)
{
    peer->protocol->close(&peer->session);
    if (peer->session != NULL)
        abort();
    buf_deinit(&peer->in);
    buf_deinit(&peer->out);
}

/* Feeds a copy that is freed afterwards, so that a sanitizer finds a session that reads beyond the
 * end, or after feed() has returned. */
void fake_peer_feed(struct fake_peer *peer)
{
    size_t used = 0;
    enum feed result;
    char *copy;

    if (peer->is_bad || peer->in.len == 0)
        return;
    copy = malloc(peer->in.len);
    if (copy == NULL)
        abort();
    memcpy(copy, peer->in.ptr, peer->in.len);
    result = peer->protocol->feed(peer->session, (struct span){copy, peer->in.len}, &used);
    free(copy);
    if (used > peer->in.len)
        abort();
    peer->is_bad = result == FEED_BAD;
    buf_drop(&peer->in, result == FEED_DISCARDING ? peer->in.len : used);
}

void fake_peer_send(struct fake_peer *peer, struct span bytes)
{
    buf_add(&peer->in, bytes);
    fake_peer_feed(peer);
}

void fake_peer_read(struct fake_peer *peer)
{
    buf_clear(&peer->out);
    if (peer->protocol->output_drained != NULL)
        peer->protocol->output_drained(peer->session);
    fake_peer_feed(peer);
}
