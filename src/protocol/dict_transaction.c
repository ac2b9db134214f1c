#include "dict_transaction.h"

#include "dict_line.h"

#include "podop/mem.h"

#include <stdlib.h>

enum {
    OPEN_TRANSACTIONS_MAX = 1024,      /* of one connection, which may serve many users */
    CHANGES_MAX = 4096,                /* of one transaction */
    OPEN_BYTES_MAX = 16 * 1024 * 1024, /* of the changes in them */
    NANOSECONDS_MAX = 999999999,
};

struct open_transaction {
    struct list_node node;
    uint32_t id;
    struct transaction *changes;
    char *fault; /* why it cannot be committed, or NULL */
};

static struct open_transaction *find_open(struct dict_transactions *all, uint32_t id)
{
    LIST_FOR_EACH (node, &all->open) {
        struct open_transaction *o = CONTAINER_OF(node, struct open_transaction, node);

        if (o->id == id)
            return o;
    }
    return NULL;
}

static void open_free(struct dict_transactions *all, struct open_transaction *o)
{
    list_remove(&o->node);
    all->count--;
    all->bytes -= o->changes == NULL ? 0 : o->changes->bytes;
    transaction_free(&o->changes);
    free(o->fault);
    free(o);
}

void dict_transactions_init(struct dict_transactions *all)
{
    *all = (struct dict_transactions){.count = 0};
    list_init(&all->open);
}

void dict_transactions_deinit(struct dict_transactions *all)
{
    LIST_FOR_EACH_SAFE (node, &all->open)
        open_free(all, CONTAINER_OF(node, struct open_transaction, node));
}

bool dict_transaction_begin(struct dict_transactions *all, uint32_t id, struct span user,
                            uint64_t expire_s)
{
    struct open_transaction *o;

    if (find_open(all, id) != NULL || all->count == OPEN_TRANSACTIONS_MAX ||
        span_has_byte(user, '\0'))
        return false;
    o = xcalloc(1, sizeof(*o));
    o->id = id;
    o->changes = transaction_new(user);
    o->changes->expire_s = expire_s;
    list_prepend(&all->open, &o->node);
    all->count++;
    return true;
}

/* Stores why the transaction cannot be committed, and drops its changes. */
static void fail(struct dict_transactions *all, struct open_transaction *o, const char *fault)
{
    if (o->fault == NULL)
        o->fault = xstrdup(fault);
    all->bytes -= o->changes->bytes;
    transaction_clear(o->changes);
}

/* Sets change->key. Returns NULL, or why the change cannot be added. */
static const char *check_change(const struct dict_transactions *all,
                                const struct open_transaction *o, struct span name,
                                struct change *change)
{
    const char *fault = dict_key(name, span_of(o->changes->user), &change->key);

    if (fault == NULL && name.len + change->value.len + all->bytes > OPEN_BYTES_MAX)
        fault = "the open transactions of this connection are too large";
    if (fault == NULL && o->changes->count == CHANGES_MAX)
        fault = "the transaction has too many changes";
    return fault;
}

static void add_change(struct dict_transactions *all, struct open_transaction *o, struct span name,
                       struct change *change)
{
    const char *fault = check_change(all, o, name, change);

    if (fault != NULL || o->fault != NULL) {
        fail(all, o, fault);
        return;
    }
    all->bytes -= o->changes->bytes;
    transaction_add(o->changes, change);
    all->bytes += o->changes->bytes;
}

void dict_transaction_set(struct dict_transactions *all, uint32_t id, struct span name,
                          struct span value)
{
    struct open_transaction *o = find_open(all, id);

    if (o != NULL)
        add_change(all, o, name, &(struct change){.kind = CHANGE_SET, .value = value});
}

void dict_transaction_unset(struct dict_transactions *all, uint32_t id, struct span name)
{
    struct open_transaction *o = find_open(all, id);

    if (o != NULL)
        add_change(all, o, name, &(struct change){.kind = CHANGE_UNSET, .value = SPAN("")});
}

void dict_transaction_increment(struct dict_transactions *all, uint32_t id, struct span name,
                                struct span amount)
{
    struct open_transaction *o = find_open(all, id);
    struct change change = {.kind = CHANGE_INCREMENT, .value = SPAN("")};

    if (o == NULL)
        return;
    if (dict_signed_number(amount, &change.increment))
        add_change(all, o, name, &change);
    else
        fail(all, o, "the increment is not a number");
}

void dict_transaction_set_time(struct dict_transactions *all, uint32_t id, struct span seconds,
                               struct span nanoseconds)
{
    const struct open_transaction *o = find_open(all, id);
    uint64_t ns = 0;

    if (o == NULL)
        return;
    o->changes->has_timestamp = dict_signed_number(seconds, &o->changes->timestamp_s) &&
                                dict_number(nanoseconds, NANOSECONDS_MAX, &ns);
    o->changes->timestamp_ns = (uint32_t)ns;
}

void dict_transaction_rollback(struct dict_transactions *all, uint32_t id)
{
    struct open_transaction *o = find_open(all, id);

    if (o != NULL)
        open_free(all, o);
}

struct transaction *dict_transaction_take(struct dict_transactions *all, uint32_t id, char **fault)
{
    struct open_transaction *o = find_open(all, id);
    struct transaction *changes;

    if (o == NULL) {
        *fault = xstrdup("unknown transaction");
        return transaction_new(SPAN(""));
    }
    changes = o->changes;
    *fault = o->fault;
    all->bytes -= changes->bytes;
    o->changes = NULL;
    o->fault = NULL;
    open_free(all, o);
    return changes;
}
