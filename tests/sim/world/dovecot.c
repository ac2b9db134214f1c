#include "buf_print.h"
#include "dict_request.h"

#include "../model/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    unsigned major, minor;
} versions[] = {{2, 0}, {2, 1}, {2, 2}, {3, 2}, {4, 0}};

static void greet(struct client *c)
{
    const struct dovecot *d = dovecot_of(c);
    char user[SCENE_KEY_BYTES / 2] = "";

    if (d->major == 2)
        scene_user(d->table, d->user, user);
    buf_print(&c->out, "H%u\t%u\t0\t%s\t%s\n", d->major, d->minor, user, d->table->name);
}

/* Returns "\tUSER" where this version names the user in each request. */
static const char *user_field(const struct dovecot *d, char field[SCENE_KEY_BYTES])
{
    char user[SCENE_KEY_BYTES / 2];

    scene_user(d->table, d->user, user);
    snprintf(field, SCENE_KEY_BYTES, "\t%s", user);
    return d->major == 2 ? "" : field;
}

/* Adds the path of a key as it is written. The user's own key has two names, which are one key
 * except for a program. */
static void add_path(struct client *c, const char *key)
{
    const struct dovecot *d = dovecot_of(c);
    char user[SCENE_KEY_BYTES / 2];
    const char *slash = strrchr(key, '/');

    scene_user(d->table, d->user, user);
    if (d->table->type != SCENE_PROGRAM && slash != NULL && strcmp(slash + 1, user) == 0 &&
        sim_chance(&c->random, 0.5))
        buf_print(&c->out, "priv/%.*s", (int)(slash - key), key);
    else
        buf_print(&c->out, "shared/%s", key);
}

enum { ITERATION_PARTS_MOST = 3 }; /* of a backend's answer, each with the whole timeout */

static bool is_after_iteration(const struct client *c, const struct request *request)
{
    LIST_FOR_EACH (node, &c->requests) {
        const struct request *r = CONTAINER_OF(node, struct request, node);

        if (r == request)
            return false;
        if (r->kind == REQUEST_ITERATION)
            return true;
    }
    return false;
}

/* Transactions of its key before it on the connection have to end first, but it has no more time
 * for that. Where answers have no ids, its answer comes after those of all iterations before it. */
static void set_wait(struct client *c, struct request *r)
{
    const struct dovecot *d = dovecot_of(c);
    const bool has_ids = d->major > 2 || d->minor > 0;

    r->wait_ns = client_wait_before(c, r);
    dict_request_of(r)->turn_ns =
        has_ids || !is_after_iteration(c, r) ? 0 : ITERATION_PARTS_MOST * r->wait_ns;
}

static bool changes_key(const struct ledger_tx *tx, struct truth_key *key, unsigned rules)
{
    for (size_t i = 0; i < ledger_changes(tx); i++) {
        if (keys_normal(ledger_change_key(tx, i), rules) == keys_normal(key, rules))
            return true;
    }
    return false;
}

/* Returns the number of the last pending transaction of the client that changes the key, or 0. */
static uint64_t last_change(struct client *c, const char *name)
{
    const struct scene_table *table = dovecot_of(c)->table;
    struct truth_key *key = truth_add(judge_store(table), name, strlen(name));
    uint64_t number = 0;

    LIST_FOR_EACH (node, &c->requests) {
        const struct dict_request *r = dict_request_of(CONTAINER_OF(node, struct request, node));

        if (r->tx != NULL && changes_key(r->tx, key, table->rules))
            number = ledger_number(r->tx);
    }
    return number;
}

static void look_up(struct client *c, const char *key)
{
    const struct dovecot *d = dovecot_of(c);
    struct request *r = client_request(c, REQUEST_LOOKUP, d->table);
    char user[SCENE_KEY_BYTES];

    snprintf(r->key, sizeof(r->key), "%s", key);
    dict_request_of(r)->after = last_change(c, key);
    buf_add_char(&c->out, 'L');
    add_path(c, key);
    buf_print(&c->out, "%s\n", user_field(d, user));
    set_wait(c, r);
    client_written(c, r);
    c->world->counts[WORLD_DICT_LOOKUPS]++;
}

static void iterate(struct client *c)
{
    const struct dovecot *d = dovecot_of(c);
    struct request *r = client_request(c, REQUEST_ITERATION, d->table);
    struct dict_request *dict = dict_request_of(r);
    char user[SCENE_KEY_BYTES];

    dict->flags = (unsigned)sim_random(&c->random, 2) * DICT_RECURSE |
                  (unsigned)sim_random(&c->random, 2) * DICT_NO_VALUE;
    snprintf(r->key, sizeof(r->key), "dir/");
    if (sim_chance(&c->random, 0.3)) {
        world_key(d->table, &c->random, r->key);
        dict->flags = DICT_EXACT_KEY;
    }
    buf_print(&c->out, "I%u\t%sshared/%s%s\n", dict->flags,
              d->major == 2 && d->minor == 0 ? "" : "0\t", r->key, user_field(d, user));
    set_wait(c, r);
    client_written(c, r);
    c->world->counts[WORLD_ITERATIONS]++;
}

/* Transactions */

enum { CHANGES_MAX = 4 };

struct change {
    enum ledger_kind kind;
    char key[SCENE_KEY_BYTES];
    char value[1100];
};

static void choose_value(struct client *c, const struct ledger_tx *tx, size_t index, bool is_number,
                         struct change *change)
{
    static const unsigned lengths[] = {0, 3, 30, 1000};
    const double dice = sim_random_unit(&c->random);

    if (is_number && dice < 0.7) {
        change->kind = LEDGER_INC;
        snprintf(change->value, sizeof(change->value), "%d", (int)sim_random(&c->random, 19) - 9);
        if (strcmp(change->value, "0") == 0) /* no Dovecot sends this */
            snprintf(change->value, sizeof(change->value), "10");
    } else if (dice > 0.85) {
        change->kind = LEDGER_UNSET;
    } else {
        const int len = (int)lengths[sim_random(&c->random, ARRAY_LEN(lengths))];

        change->kind = LEDGER_SET;
        if (is_number)
            snprintf(change->value, sizeof(change->value), "%" PRIu64,
                     1000 * ledger_number(tx) + index);
        else
            snprintf(change->value, sizeof(change->value), "w%" PRIu64 ".%zu%0*d",
                     ledger_number(tx), index, len, 0);
    }
}

/* Chooses a key; most transactions change each key once. Returns false to end the transaction. */
static bool choose_key(struct client *c, struct change *changes, size_t index, bool *is_number)
{
    const struct dovecot *d = dovecot_of(c);
    const unsigned number = (unsigned)sim_random(&c->random, SCENE_TEXT_KEYS + SCENE_NUMBER_KEYS);

    *is_number = number >= SCENE_TEXT_KEYS;
    scene_user_key(d->table, *is_number, *is_number ? number - SCENE_TEXT_KEYS : number, d->user,
                   changes[index].key);
    scene_spell(d->table, &c->random, changes[index].key);
    if (d->table->has_spellings)
        return true;
    for (size_t i = 0; i < index; i++) {
        if (strcmp(changes[i].key, changes[index].key) == 0)
            return false;
    }
    return true;
}

static void add_change(struct client *c, struct dict_request *r, const struct change *change)
{
    static const char letters[] = {[LEDGER_SET] = 'S', [LEDGER_UNSET] = 'U', [LEDGER_INC] = 'A'};
    struct truth *store = judge_store(r->base.table);

    buf_print(&c->out, "%c%" PRIu32 "\t", letters[change->kind], r->id);
    add_path(c, change->key);
    if (change->kind == LEDGER_UNSET)
        buf_print(&c->out, "\n");
    else
        buf_print(&c->out, "\t%s\n", change->value);
    ledger_change(r->tx, change->kind, truth_add(store, change->key, strlen(change->key)),
                  change->kind == LEDGER_UNSET ? NULL : change->value);
}

static void begin(struct client *c, uint32_t id)
{
    const struct dovecot *d = dovecot_of(c);
    char user[SCENE_KEY_BYTES];

    buf_print(&c->out, "B%" PRIu32 "%s%s\n", id, user_field(d, user), d->major >= 4 ? "\t0" : "");
}

/* Begins a transaction that must never be made. */
static void roll_back(struct client *c)
{
    struct dovecot *d = dovecot_of(c);

    begin(c, ++d->id);
    buf_print(&c->out, "S%" PRIu32 "\tpriv/k0\tnever\nR%" PRIu32 "\n", d->id, d->id);
}

static struct dict_request *begin_commit(struct client *c)
{
    struct dovecot *d = dovecot_of(c);
    struct request *r = client_request(c, REQUEST_COMMIT, d->table);
    struct dict_request *dict = dict_request_of(r);

    dict->id = ++d->id;
    dict->tx = ledger_begin(c->world->ledger, d->table, d->writer_id + c->connections);
    dict->is_async = d->major == 2 && d->minor == 0 && sim_chance(&c->random, 0.2);
    begin(c, dict->id);
    buf_print(&c->out, "T%" PRIu32 "\t%d\t%" PRIu64 "\n", dict->id, LEDGER_SECONDS,
              ledger_number(dict->tx));
    return dict;
}

/* Whether an earlier change of the transaction could be taken for this one, as it arrives. */
static bool is_repeated(const struct dict_request *r, const struct change *changes, size_t index)
{
    struct truth *store = judge_store(r->base.table);
    const struct change *own = &changes[index];

    for (size_t i = 0; i < index; i++) {
        if (own->kind == changes[i].kind && strcmp(own->value, changes[i].value) == 0 &&
            keys_class(truth_add(store, own->key, strlen(own->key))) ==
                keys_class(truth_add(store, changes[i].key, strlen(changes[i].key))))
            return true;
    }
    return false;
}

static void end_commit(struct client *c, struct dict_request *r)
{
    buf_print(&c->out, "%c%" PRIu32 "\n", r->is_async ? 'D' : 'C', r->id);
    set_wait(c, &r->base);
    client_written(c, &r->base);
    c->world->counts[WORLD_COMMITS]++;
}

static void commit(struct client *c)
{
    struct dict_request *r = begin_commit(c);
    struct change changes[CHANGES_MAX] = {0};
    const size_t most = sim_chance(&c->random, 0.7) ? 1 : 1 + sim_random(&c->random, CHANGES_MAX);

    for (size_t i = 0; i < most; i++) {
        bool is_number;

        if (!choose_key(c, changes, i, &is_number))
            break;
        choose_value(c, r->tx, i, is_number, &changes[i]);
        if (is_repeated(r, changes, i))
            break;
        add_change(c, r, &changes[i]);
    }
    end_commit(c, r);
    if (sim_chance(&c->random, 0.5))
        look_up(c, changes[0].key);
}

enum { PENDING_MOST = 6 }; /* of a client that comes back: of one key, they take their turns */

/* Asks for a key that a transaction without an answer changes, or changes it again, in any
 * spelling: podop makes the one after the other, also when a reload comes between them. */
static void come_back(struct client *c)
{
    struct dovecot *d = dovecot_of(c);
    const struct dict_request *pending = NULL;
    struct change change = {.kind = LEDGER_SET};
    struct dict_request *r;

    LIST_FOR_EACH (node, &c->requests) {
        const struct dict_request *one = dict_request_of(CONTAINER_OF(node, struct request, node));

        if (one->tx != NULL && ledger_changes(one->tx) > 0)
            pending = one;
    }
    if (pending == NULL)
        return;
    snprintf(change.key, sizeof(change.key), "%s",
             truth_name(keys_class(ledger_change_key(pending->tx, 0))));
    scene_spell(d->table, &d->back, change.key);
    if (sim_chance(&d->back, 0.7)) {
        look_up(c, change.key);
        return;
    }
    r = begin_commit(c);
    snprintf(change.value, sizeof(change.value), "%" PRIu64, 1000 * ledger_number(r->tx));
    add_change(c, r, &change);
    end_commit(c, r);
}

/* Rounds */

static void ask_one(struct client *c)
{
    const struct dovecot *d = dovecot_of(c);
    const double dice = sim_random_unit(&c->random);
    char key[SCENE_KEY_BYTES];

    if (d->is_writer && dice < 0.6) {
        commit(c);
    } else if (d->is_writer && dice < 0.62) {
        roll_back(c);
    } else if (d->table->has_lists && dice > 0.9) {
        iterate(c);
    } else {
        world_key(d->table, &c->random, key);
        look_up(c, key);
    }
}

static void ask(struct client *c)
{
    const struct dovecot *d = dovecot_of(c);
    uint64_t count = 1 + sim_random(&c->random, d->most);

    if (d->comes_back && c->pending < PENDING_MOST)
        come_back(c);
    while (count-- > 0)
        ask_one(c);
    if (c->pending == 0) { /* a round needs an answer */
        char key[SCENE_KEY_BYTES];

        world_key(d->table, &c->random, key);
        look_up(c, key);
    }
}

static void sent(struct client *c, struct request *r)
{
    struct dict_request *dict = dict_request_of(r);

    (void)c;
    if (r->kind == REQUEST_COMMIT)
        ledger_sent(dict->tx, r->sent_ns);
    else if (r->kind == REQUEST_ITERATION && dict->flags != DICT_EXACT_KEY)
        dict->rows = judge_rows_begin(r->table, r->key, (dict->flags & DICT_RECURSE) != 0,
                                      (dict->flags & DICT_NO_VALUE) == 0, r->sent_ns);
}

static void lost(struct client *c, struct request *r)
{
    struct dict_request *dict = dict_request_of(r);

    c->world->counts[WORLD_LOST]++;
    if (dict->tx != NULL)
        judge_write(&dict->tx, r->table, LEDGER_LOST, "the connection ended", r->sent_ns,
                    r->wait_ns);
}

static void drop(struct request *r)
{
    struct dict_request *dict = dict_request_of(r);

    if (dict->tx != NULL)
        ledger_drop(&dict->tx);
    if (dict->rows != NULL)
        judge_rows_left(&dict->rows);
    free(dict->row);
}

void dovecot_start(struct dovecot *d, struct world *world, const char *name,
                   const struct scene_table *table, unsigned user, bool is_writer, int64_t pause_ns)
{
    static const struct client_ops ops = {.request_bytes = sizeof(struct dict_request),
                                          .greet = greet,
                                          .ask = ask,
                                          .sent = sent,
                                          .message = dict_answer_take,
                                          .lost = lost,
                                          .drop = drop};
    static uint64_t writers;
    struct sim_random random = sim_random_of(name);
    const size_t version = sim_random(&random, ARRAY_LEN(versions));
    char stream[80];

    *d = (struct dovecot){.table = table,
                          .major = versions[version].major,
                          .minor = versions[version].minor,
                          .user = user,
                          .is_writer = is_writer,
                          .most = 1 + (unsigned)sim_random(&random, 6),
                          .writer_id = ++writers << 32};
    client_start(&d->client, world, name, &ops, pause_ns);
    d->client.is_eager = is_writer && sim_chance(&random, 0.5);
    d->comes_back = d->client.is_eager && world->scene->has_slow_writes;
    snprintf(stream, sizeof(stream), "%s comes back", name);
    d->back = sim_random_of(stream);
}
