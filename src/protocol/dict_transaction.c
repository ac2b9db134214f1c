#include "dict_transaction.h"

#include "podop/mem.h"

#include <stdlib.h>

enum {
    OPEN_TRANSACTIONS_MAX = 1024,      /* of one connection; dict-async has one for each user */
    CHANGES_MAX = 4096,                /* of one transaction */
    OPEN_BYTES_MAX = 16 * 1024 * 1024, /* of the changes in them */
};

struct open_transaction {
    struct open_transaction *next;
    uint32_t id;
    struct transaction *changes;
    char *fault; /* why it cannot be committed; NULL: it can */
};

static struct open_transaction **find_open(struct dict_transactions *all, uint64_t id)
{
    struct open_transaction **link = &all->first;

    while (*link != NULL && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

static void open_free(struct dict_transactions *all, struct open_transaction **link)
{
    struct open_transaction *o = *link;

    *link = o->next;
    all->count--;
    all->bytes -= o->changes == NULL ? 0 : o->changes->bytes;
    transaction_free(&o->changes);
    free(o->fault);
    free(o);
}

void dict_transactions_deinit(struct dict_transactions *all)
{
    while (all->first != NULL)
        open_free(all, &all->first);
}

bool dict_transaction_begin(struct dict_transactions *all, uint32_t id, struct span user,
                            uint64_t expire_s)
{
    struct open_transaction *o;

    if (*find_open(all, id) != NULL || all->count == OPEN_TRANSACTIONS_MAX ||
        span_has_byte(user, '\0'))
        return false;
    o = xcalloc(1, sizeof(*o));
    o->id = id;
    o->changes = transaction_new(user);
    o->changes->expire_s = expire_s;
    o->next = all->first;
    all->first = o;
    all->count++;
    return true;
}

static void spoil(struct dict_transactions *all, struct open_transaction *o, const char *fault)
{
    if (o->fault == NULL)
        o->fault = xstrdup(fault);
    all->bytes -= o->changes->bytes;
    transaction_clear(o->changes);
}

static void add_change(struct dict_transactions *all, const struct dict_line *line,
                       struct open_transaction *o, struct change *change)
{
    const char *fault = dict_key(line->field[1], span_of(o->changes->user), &change->key);

    if (fault == NULL && line->field[1].len + line->field[2].len + all->bytes > OPEN_BYTES_MAX)
        fault = "the open transactions of this connection are too large";
    if (fault == NULL && o->changes->count == CHANGES_MAX)
        fault = "a transaction of too many changes";
    if (fault == NULL && change->kind == CHANGE_INCREMENT &&
        !dict_signed_number(line->field[2], &change->increment))
        fault = "an increment that is no number";
    if (fault != NULL || o->fault != NULL) { /* nothing of it will be made */
        spoil(all, o, fault);
        return;
    }
    all->bytes -= o->changes->bytes;
    transaction_add(o->changes, change);
    all->bytes += o->changes->bytes;
}

static void set_timestamp(struct open_transaction *o, const struct dict_line *line)
{
    struct transaction *t = o->changes;
    uint64_t ns = 0;

    t->has_timestamp = dict_signed_number(line->field[1], &t->timestamp_s) &&
                       dict_number(line->field[2], 999999999, &ns);
    t->timestamp_ns = (uint32_t)ns;
}

void dict_transaction_change(struct dict_transactions *all, const struct dict_line *line,
                             uint32_t id)
{
    struct open_transaction **link = find_open(all, id);
    struct change change = {.value = line->field[2]};

    if (*link == NULL)
        return;
    switch (line->letter) {
    case 'S':
        change.kind = CHANGE_SET;
        add_change(all, line, *link, &change);
        return;
    case 'U':
        change.kind = CHANGE_UNSET;
        change.value = SPAN("");
        add_change(all, line, *link, &change);
        return;
    case 'A':
        change.kind = CHANGE_INCREMENT;
        change.value = SPAN("");
        add_change(all, line, *link, &change);
        return;
    case 'T': set_timestamp(*link, line); return;
    case 'R': open_free(all, link); return;
    default: return; /* V: whether values may be logged; podop logs none */
    }
}

struct transaction *dict_transaction_take(struct dict_transactions *all, uint32_t id, char **fault)
{
    struct open_transaction **link = find_open(all, id);
    struct open_transaction *o = *link;
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
    open_free(all, link);
    return changes;
}
