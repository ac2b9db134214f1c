#include "explain.h"

#include "memory.h"
#include "notes.h"

#include "podop/deadline.h"

#include <inttypes.h>

enum { VALUE_BYTES_MAX = 300 }; /* of a value that is cached or pending */

static void explain_pending(const struct change *pending, struct buf *notes)
{
    if (pending == NULL)
        return;
    if (pending->kind == CHANGE_SET) {
        notes_add(notes, "held", SPAN("answered by a value that is not written yet"));
        notes_add_cut(notes, "value", pending->value, VALUE_BYTES_MAX);
    } else {
        notes_add(notes, "held", SPAN("answered by a removal that is not written yet"));
    }
}

static void explain_cache(struct table *t, const struct identity *id, struct buf *notes)
{
    struct cache *cache = t->memory->cache;
    enum cache_state state;
    struct reply reply;
    uint64_t left_ms = 0;

    if (cache == NULL) {
        notes_add(notes, "cache", SPAN("off"));
        return;
    }
    state = cache_look(cache, id->bytes, id->hash, loop_now_ms(t->env.loop), &reply, &left_ms);
    if (state == CACHE_ABSENT) {
        notes_add(notes, "cache", SPAN("absent"));
        return;
    }
    notes_format(notes, "cache", "%s, %" PRIu64 " ms left",
                 state == CACHE_FRESH ? "fresh" : "stale", left_ms);
    if (reply.status == REPLY_FOUND)
        notes_add_cut(notes, "cached", reply.dict_value, VALUE_BYTES_MAX);
    else
        notes_add(notes, "cached", SPAN("a miss"));
}

void explain_normal_form(const struct table_key *key, const struct table_key *normal,
                         struct buf *notes)
{
    if (!span_equal(key->key, normal->key))
        notes_add(notes, "key", normal->key);
    if (!span_equal(key->user, normal->user))
        notes_add(notes, "user", normal->user);
}

void explain_known(struct table *t, const struct table_key *key, const struct identity *id,
                   const struct change *pending, struct buf *notes)
{
    explain_pending(pending, notes);
    if (table_skips(t, key->key))
        notes_add(notes, "skip", SPAN("a pattern matches: a miss, without asking the backend"));
    explain_cache(t, id, notes);
}
