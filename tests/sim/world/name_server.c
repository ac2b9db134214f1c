#include "name_server.h"

#include "podop/list.h"
#include "podop/mem.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const name_state_names[NAMES_STATES] = {
    [NAMES_WELL] = "well",
    [NAMES_DEAD] = "dead",
    [NAMES_SILENT] = "silent",
    [NAMES_SERVFAIL] = "servfail",
    [NAMES_REFUSED] = "refused",
    [NAMES_GARBAGE] = "garbage",
    [NAMES_SLOW] = "slow",
    [NAMES_TWICE] = "twice",
    [NAMES_CUT] = "truncated",
    [NAMES_CUT_SLOW] = "truncated, slow",
    [NAMES_CUT_BROKEN] = "truncated, broken",
};

enum {
    NAME_BYTES = 256,
    MESSAGE_BYTES = 512,
    HEADER_BYTES = 12,
    TYPE_A = 1,
    TYPE_SOA = 6,
    TYPE_MX = 15,
    TYPE_AAAA = 28,
    RCODE_SERVFAIL = 2,
    RCODE_NXDOMAIN = 3,
    RCODE_REFUSED = 5,
    FLAG_TRUNCATED = 2, /* TC, in the third byte */
    HOSTS_MAX = 32,
    MX_TTL_S = 3600,
    NEGATIVE_TTL_S = 3600,
};

struct zone {
    struct host {
        char *name, *addresses;
        unsigned ttl_s;
    } hosts[HOSTS_MAX];
    size_t host_count;
    struct {
        struct truth *store;
        const char *host;
    } mx[SCENE_TABLES_MAX];
    size_t mx_count;
    struct list servers;
};

struct name_server {
    struct list_node node;
    struct zone *zone;
    const char *address;
    struct sim_port *port;     /* NULL: closed */
    struct sim_server *server; /* TCP; NULL: refuses */
    struct sim_random random;
    enum name_state state;
    uint64_t queries;
};

struct zone *zone_new(void)
{
    struct zone *zone = xcalloc(1, sizeof(*zone));

    list_init(&zone->servers);
    return zone;
}

void zone_free(struct zone **pzone)
{
    struct zone *zone = *pzone;

    if (zone == NULL)
        return;
    *pzone = NULL;
    for (size_t i = 0; i < zone->host_count; i++) {
        free(zone->hosts[i].name);
        free(zone->hosts[i].addresses);
    }
    free(zone);
}

static struct host *find_host(struct zone *zone, const char *name)
{
    for (size_t i = 0; i < zone->host_count; i++) {
        if (strcasecmp(zone->hosts[i].name, name) == 0)
            return &zone->hosts[i];
    }
    return NULL;
}

void zone_set(struct zone *zone, const char *name, const char *addresses, unsigned ttl_s)
{
    struct host *host = find_host(zone, name);

    if (host == NULL && zone->host_count == HOSTS_MAX)
        abort();
    if (host == NULL) {
        host = &zone->hosts[zone->host_count++];
        host->name = xstrdup(name);
    }
    free(host->addresses);
    host->addresses = xstrdup(addresses == NULL ? "" : addresses);
    host->ttl_s = ttl_s;
}

void zone_mx(struct zone *zone, struct truth *store, const char *host)
{
    zone->mx[zone->mx_count].store = store;
    zone->mx[zone->mx_count++].host = host;
}

/* Messages */

struct message {
    unsigned char bytes[MESSAGE_BYTES];
    size_t len;
    unsigned answers, authorities;
};

static void add_byte(struct message *m, unsigned byte)
{
    if (m->len < MESSAGE_BYTES)
        m->bytes[m->len++] = (unsigned char)byte;
}

static void add_16(struct message *m, unsigned number)
{
    add_byte(m, number >> 8);
    add_byte(m, number & 0xff);
}

static void add_name(struct message *m, const char *name)
{
    while (*name != '\0') {
        const size_t len = strcspn(name, ".");

        add_byte(m, (unsigned)len);
        for (size_t i = 0; i < len; i++)
            add_byte(m, (unsigned char)name[i]);
        name += len + (name[len] == '.');
    }
    add_byte(m, 0);
}

/* Begins a record of the name in the question. Returns where its length stands. */
static size_t begin_record(struct message *m, unsigned type, unsigned ttl_s)
{
    add_16(m, 0xc000 | HEADER_BYTES);
    add_16(m, type);
    add_16(m, 1);
    add_16(m, ttl_s >> 16);
    add_16(m, ttl_s & 0xffff);
    add_16(m, 0);
    return m->len - 2;
}

static void end_record(struct message *m, size_t length_at)
{
    const size_t len = m->len - length_at - 2;

    m->bytes[length_at] = (unsigned char)(len >> 8);
    m->bytes[length_at + 1] = (unsigned char)len;
}

static void add_mx(struct message *m, unsigned preference, const char *host)
{
    const size_t at = begin_record(m, TYPE_MX, MX_TTL_S);

    add_16(m, preference);
    add_name(m, host);
    end_record(m, at);
    m->answers++;
}

static void add_address(struct message *m, unsigned type, const char *text, unsigned ttl_s)
{
    unsigned char bytes[16];
    const size_t len = type == TYPE_A ? 4 : 16;
    size_t at;

    if (inet_pton(type == TYPE_A ? AF_INET : AF_INET6, text, bytes) != 1)
        abort();
    at = begin_record(m, type, ttl_s);
    for (size_t i = 0; i < len; i++)
        add_byte(m, bytes[i]);
    end_record(m, at);
    m->answers++;
}

static void add_soa(struct message *m)
{
    const size_t at = begin_record(m, TYPE_SOA, NEGATIVE_TTL_S);

    add_name(m, "ns.sim.example");
    add_name(m, "root.sim.example");
    for (int i = 0; i < 5; i++) {
        add_16(m, 0);
        add_16(m, NEGATIVE_TTL_S);
    }
    end_record(m, at);
    m->authorities++;
}

/* Questions */

struct question {
    char name[NAME_BYTES];
    unsigned type;
    size_t end; /* of it in the query */
};

static bool read_question(const unsigned char *bytes, size_t len, struct question *q)
{
    size_t at = HEADER_BYTES, name_len = 0;

    while (at < len && bytes[at] != 0) {
        const size_t label = bytes[at];

        if (at + 1 + label >= len || name_len + label + 2 > NAME_BYTES)
            return false;
        if (name_len > 0)
            q->name[name_len++] = '.';
        for (size_t i = 0; i < label; i++)
            q->name[name_len++] = (char)tolower(bytes[at + 1 + i]);
        at += 1 + label;
    }
    if (at + 5 > len)
        return false;
    q->name[name_len] = '\0';
    q->type = (unsigned)bytes[at + 1] << 8 | bytes[at + 2];
    q->end = at + 5;
    return true;
}

static void answer_host(struct message *m, const struct host *host, unsigned type)
{
    char *copy = xstrdup(host->addresses), *rest = copy, *address;

    while ((address = strsep(&rest, ",")) != NULL) {
        const bool is_6 = strncmp(address, "6:", 2) == 0;

        if (*address != '\0' && is_6 == (type == TYPE_AAAA))
            add_address(m, type, is_6 ? address + 2 : address, host->ttl_s);
    }
    free(copy);
    if (m->answers == 0)
        add_soa(m);
}

/* Answers for a domain that is a key of a dns table. Returns the code. */
static unsigned answer_domain(struct name_server *s, struct message *m, const struct truth_key *key,
                              const char *host)
{
    struct sim_random *random = &s->random;

    if (truth_now(key) != NULL) {
        if (sim_chance(random, 0.3))
            add_mx(m, 20, "backup.sim.example");
        add_mx(m, 10, host);
        return 0;
    }
    switch (sim_random(random, 4)) {
    case 0: add_mx(m, 10, "elsewhere.sim.example"); return 0;
    case 1: add_mx(m, 0, ""); return 0;
    case 2: add_soa(m); return 0;
    default: add_soa(m); return RCODE_NXDOMAIN;
    }
}

static unsigned answer(struct name_server *s, struct message *m, const struct question *q)
{
    const struct host *host = find_host(s->zone, q->name);

    if (host != NULL && *host->addresses != '\0' && (q->type == TYPE_A || q->type == TYPE_AAAA)) {
        answer_host(m, host, q->type);
        return 0;
    }
    for (size_t i = 0; q->type == TYPE_MX && i < s->zone->mx_count; i++) {
        const struct truth_key *key = truth_find(s->zone->mx[i].store, q->name, strlen(q->name));

        if (key != NULL)
            return answer_domain(s, m, key, s->zone->mx[i].host);
    }
    add_soa(m);
    return RCODE_NXDOMAIN;
}

static void send_bytes(struct name_server *s, const char *to, const struct message *m)
{
    int64_t delay_ns = 0;

    if (s->state == NAMES_SLOW)
        delay_ns = 200000000 + (int64_t)sim_random(&s->random, 2800000000);
    sim_port_send(s->port, to, m->bytes, m->len, delay_ns);
    if (s->state == NAMES_TWICE)
        sim_port_send(s->port, to, m->bytes, m->len, (int64_t)sim_random(&s->random, 50000000));
}

static void spoil(struct name_server *s, struct message *m)
{
    switch (sim_random(&s->random, 3)) {
    case 0: m->len = (size_t)sim_random(&s->random, HEADER_BYTES); break;
    case 1: m->bytes[0] ^= 0x55; break;              /* another id */
    default: m->bytes[HEADER_BYTES + 1] ^= 1; break; /* another question */
    }
}

static bool is_cut(enum name_state state)
{
    return state == NAMES_CUT || state == NAMES_CUT_SLOW || state == NAMES_CUT_BROKEN;
}

/* Makes the answer to a query. Returns false for one that has none. */
static bool make_answer(struct name_server *s, const char *bytes, size_t len, struct message *made)
{
    struct message m = {.len = 0};
    struct question q;
    unsigned code;

    s->queries++;
    if (s->state == NAMES_SILENT || !read_question((const unsigned char *)bytes, len, &q) ||
        q.end > MESSAGE_BYTES / 2)
        return false;
    memcpy(m.bytes, bytes, q.end);
    m.len = q.end;
    code = s->state == NAMES_SERVFAIL  ? RCODE_SERVFAIL
           : s->state == NAMES_REFUSED ? RCODE_REFUSED
                                       : answer(s, &m, &q);
    m.bytes[2] = (unsigned char)(0x84 | (m.bytes[2] & 1)); /* an answer, of the zone's owner */
    m.bytes[3] = (unsigned char)(0x80 | code);             /* recursion available */
    m.bytes[7] = (unsigned char)m.answers;
    m.bytes[9] = (unsigned char)m.authorities;
    m.bytes[11] = 0;
    *made = m;
    return true;
}

static void arrived(void *arg, const char *from, const char *bytes, size_t len)
{
    struct name_server *s = arg;
    struct message m;

    if (!make_answer(s, bytes, len, &m))
        return;
    if (s->state == NAMES_GARBAGE)
        spoil(s, &m);
    if (is_cut(s->state))
        m.bytes[2] |= FLAG_TRUNCATED;
    send_bytes(s, from, &m);
}

/* TCP: a length of two bytes before each message. */

struct name_connection {
    struct name_server *server;
    struct sim_peer *peer;
    struct sim_event ends; /* after an answer that is cut */
    bool was_cut;          /* nothing follows it */
};

static void end_connection(struct name_connection *c)
{
    sim_event_stop(&c->ends);
    sim_peer_close(&c->peer);
    free(c);
}

static void on_ends(void *arg)
{
    end_connection(arg);
}

static void answer_by_tcp(struct name_connection *c, const char *bytes, size_t len)
{
    struct name_server *s = c->server;
    struct message m;
    char text[MESSAGE_BYTES + 2];
    size_t all;

    if (c->was_cut || !make_answer(s, bytes, len, &m))
        return;
    text[0] = (char)(m.len >> 8);
    text[1] = (char)(m.len & 0xff);
    memcpy(text + 2, m.bytes, m.len);
    all = m.len + 2;
    if (s->state == NAMES_CUT_BROKEN) {
        all = (size_t)sim_random(&s->random, all);
        c->was_cut = true;
        sim_event_in(&c->ends, 0);
    }
    (void)sim_peer_send(c->peer, text, all);
}

static size_t take_queries(void *arg, const char *bytes, size_t len)
{
    size_t used = 0;

    while (len - used > 2) {
        const unsigned char *b = (const unsigned char *)bytes + used;
        const size_t query = (size_t)b[0] << 8 | b[1];

        if (len - used - 2 < query)
            break;
        answer_by_tcp(arg, bytes + used + 2, query);
        used += 2 + query;
    }
    return used;
}

static void on_client_end(void *arg, enum sim_end how)
{
    (void)how;
    end_connection(arg);
}

static bool take_connection(void *arg, struct sim_peer *peer)
{
    static const struct sim_peer_ops ops = {take_queries, on_client_end, NULL};
    struct name_server *s = arg;
    struct name_connection *c = xcalloc(1, sizeof(*c));

    c->server = s;
    c->peer = peer;
    sim_event_init(&c->ends, on_ends, c);
    sim_peer_set(peer, &ops, c);
    if (s->state == NAMES_CUT_SLOW)
        sim_peer_route(peer, (struct sim_route){.delay_ns = 200000000 + (int64_t)sim_random(
                                                                            &s->random, 1400000000),
                                                .cut = 0.5,
                                                .segment = 1 + sim_random(&s->random, 40)});
    return true;
}

static void set_tcp(struct name_server *s)
{
    const bool refuses =
        s->state == NAMES_DEAD || (s->state == NAMES_CUT_BROKEN && sim_chance(&s->random, 0.5));

    if (refuses && s->server != NULL)
        sim_server_stop(&s->server);
    else if (!refuses && s->server == NULL)
        s->server = sim_serve(s->address, take_connection, s);
}

/* Servers */

static bool is_right(enum name_state state)
{
    return state == NAMES_WELL || state == NAMES_TWICE || state == NAMES_CUT;
}

/* podop waits a second for a server that does not answer, and asks the next one. */
static bool is_mute(enum name_state state)
{
    return state == NAMES_SILENT || state == NAMES_GARBAGE || state == NAMES_SLOW ||
           state == NAMES_CUT_SLOW || state == NAMES_CUT_BROKEN;
}

static void tell_judge(const struct zone *zone)
{
    bool can_resolve = false, is_slow = false;

    for (struct list_node *node = list_first(&zone->servers); node != NULL;
         node = list_next(&zone->servers, node)) {
        const struct name_server *s = CONTAINER_OF(node, struct name_server, node);

        can_resolve |= is_right(s->state);
        is_slow |= is_mute(s->state);
    }
    judge_names(can_resolve);
    judge_names_slow(is_slow);
}

struct name_server *name_server_new(struct zone *zone, const char *address)
{
    struct name_server *s = xcalloc(1, sizeof(*s));
    char name[100];

    snprintf(name, sizeof(name), "names.%s", address);
    s->zone = zone;
    s->address = address;
    s->random = sim_random_of(name);
    s->port = sim_port_open(address, arrived, s);
    set_tcp(s);
    list_append(&zone->servers, &s->node);
    return s;
}

void name_server_free(struct name_server **pserver)
{
    struct name_server *s = *pserver;

    if (s == NULL)
        return;
    *pserver = NULL;
    list_remove(&s->node);
    if (s->port != NULL)
        sim_port_close(&s->port);
    if (s->server != NULL)
        sim_server_stop(&s->server);
    free(s);
}

void name_server_state(struct name_server *s, enum name_state state)
{
    if (state == s->state)
        return;
    sim_trace("name server %s: %s", s->address, name_state_names[state]);
    s->state = state;
    if (state == NAMES_DEAD)
        sim_port_close(&s->port);
    else if (s->port == NULL)
        s->port = sim_port_open(s->address, arrived, s);
    set_tcp(s);
    tell_judge(s->zone);
}

enum name_state name_server_now(const struct name_server *s)
{
    return s->state;
}

uint64_t name_server_queries(const struct name_server *s)
{
    return s->queries;
}
