#include "key_search.h"

#include "notes.h"
#include "table_keys.h"

#include "podop/json_object.h"
#include "podop/json_value.h"
#include "podop/mem.h"

#include "mail/key_forms.h"
#include "mail/key_rules.h"
#include "mail/propagate.h"

#include <stdlib.h>

/* How much longer than the value its addresses may become: a short extension of a long list is
 * fine, a long one of each of its addresses is not. */
enum { GROWTH_BYTES_MAX = 1024 * 1024 };
enum { NOTE_BYTES_MAX = 300 };  /* of a form, for a human */
enum { JSON_BYTES_A_BYTE = 6 }; /* \u001f, the longest escape */

struct key_search {
    const struct table *table;
    const struct key_rules *rules; /* the table's */
    struct buf key;
    struct key_forms forms;
    struct key_form form; /* the current one */
    bool has_form;        /* there was at least one */
    struct buf extension; /* as the client wrote it, since addresses are case sensitive */
    uint64_t deadline_at_ms;
    struct buf value, list; /* with the extension: text, and a JSON array */
    struct reply kept;      /* if it has a block of bytes */
    struct key_form kept_form;
    char *kept_bytes;
    char reason[TABLE_REASON_BYTES];
};

static void keep_extension(struct key_search *s, struct span key)
{
    struct buf scratch;

    buf_init(&s->extension, BUF_LIMITED_BY_INPUT);
    if (!key_rules_propagate(s->rules))
        return;
    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    buf_add(&s->extension, key_extension(s->rules, key, &scratch));
    buf_deinit(&scratch);
}

struct key_search *key_search_new(const struct table *t, const struct table_key *key,
                                  const struct table_key *normal, uint64_t deadline_at_ms)
{
    struct key_search *s;

    if (!table_keys_search(t, key))
        return NULL;
    s = xcalloc(1, sizeof(*s));
    s->table = t;
    s->rules = t->rules;
    keep_extension(s, key->key);
    buf_init(&s->key, BUF_LIMITED_BY_INPUT);
    buf_init(&s->value, BUF_LIMITED_BY_INPUT);
    buf_init(&s->list, BUF_LIMITED_BY_INPUT);
    buf_add(&s->key, normal->key);
    key_forms_begin(&s->forms, s->rules, buf_span(&s->key));
    s->deadline_at_ms = table_deadline_at_ms(t, deadline_at_ms);
    return s;
}

void key_search_free(struct key_search **ps)
{
    struct key_search *s = *ps;

    if (s == NULL)
        return;
    *ps = NULL;
    key_forms_end(&s->forms);
    buf_deinit(&s->extension);
    buf_deinit(&s->key);
    buf_deinit(&s->value);
    buf_deinit(&s->list);
    free(s->kept_bytes);
    free(s);
}

bool key_search_next(struct key_search *s, struct table_key *form)
{
    if (!key_forms_next(&s->forms, &s->form))
        return false;
    s->has_form = true;
    *form = (struct table_key){.key = s->form.key};
    return true;
}

bool key_search_any_later(const struct key_search *s,
                          bool (*is_wanted)(struct table *table, const struct table_key *form),
                          struct table *table)
{
    struct key_forms forms = s->forms; /* shares its bytes, which going on does not change */
    struct key_form form;

    while (key_forms_next(&forms, &form)) {
        if (is_wanted(table, &(struct table_key){.key = form.key}))
            return true;
    }
    return false;
}

uint64_t key_search_deadline_at_ms(const struct key_search *s)
{
    return s->deadline_at_ms;
}

void key_search_keep(struct key_search *s, const struct reply *reply)
{
    const bool is_better = reply->status != REPLY_FOUND && s->kept.status == REPLY_FOUND;

    if (s->kept_bytes != NULL && !is_better)
        return;
    s->kept = reply_copy(reply, &s->kept_bytes);
    s->kept_form = s->form;
}

bool key_search_use_kept(struct key_search *s, struct reply *reply)
{
    if (s->kept_bytes == NULL || !reply_is_miss(reply))
        return false;
    *reply = s->kept;
    s->form = s->kept_form;
    return true;
}

static enum json_kind kind_of(struct span value)
{
    struct error ignored;

    return json_check(value, &ignored) == 0 ? json_kind(value) : JSON_STRING;
}

static size_t longest(struct span value)
{
    return value.len + GROWTH_BYTES_MAX;
}

static void extend_item(const struct key_search *s, struct span item, struct buf *out)
{
    struct buf text, extended;

    if (json_kind(item) != JSON_STRING) {
        buf_add(out, item);
        return;
    }
    buf_init(&text, BUF_LIMITED_BY_INPUT);
    buf_init(&extended, longest(item));
    json_add_text(&text, item);
    propagate_extension(buf_span(&text), buf_span(&s->extension), &extended);
    json_add_bytes(out, buf_span(&extended));
    out->is_over = out->is_over || extended.is_over;
    buf_deinit(&text);
    buf_deinit(&extended);
}

static void extend_list(struct key_search *s, struct span list)
{
    struct json_cursor cursor = json_walk(list);
    struct span name, item;

    s->list.max = JSON_BYTES_A_BYTE * longest(list);
    buf_add_char(&s->list, '[');
    while (!s->list.is_over && json_next(&cursor, &name, &item)) {
        json_add_comma(&s->list);
        extend_item(s, item, &s->list);
    }
    buf_add_char(&s->list, ']');
}

static bool is_one_value(const struct reply *reply)
{
    return span_equal(reply->map_value, reply->dict_value);
}

/* Returns whether the value may be addresses: text, or a list of texts, which Postfix gets joined.
 */
static bool may_be_addresses(const struct reply *reply)
{
    const enum json_kind kind = kind_of(reply->dict_value);

    return is_one_value(reply) ? kind != JSON_OBJECT && kind != JSON_ARRAY : kind == JSON_ARRAY;
}

static void refuse(struct key_search *s, struct reply *reply)
{
    *reply = (struct reply){
        .status = REPLY_PERMANENT,
        .source = reply->source,
        .http_status = reply->http_status,
        .reason = table_reason(s->table, s->reason, "the value with the extension is too long"),
    };
}

bool key_search_propagate(struct key_search *s, struct reply *reply)
{
    const bool is_one = is_one_value(reply);

    if (reply->status != REPLY_FOUND || !key_rules_propagate(s->rules) ||
        s->form.extension.len == 0 || reply->map_value.len == 0 || !may_be_addresses(reply))
        return false;
    s->value.max = longest(reply->map_value);
    propagate_extension(reply->map_value, buf_span(&s->extension), &s->value);
    if (!is_one)
        extend_list(s, reply->dict_value);
    if (s->value.is_over || s->list.is_over) {
        refuse(s, reply);
        return true;
    }
    reply->map_value = buf_span(&s->value);
    reply->dict_value = is_one ? reply->map_value : buf_span(&s->list);
    return true;
}

void key_search_note_form(const struct key_search *s, struct buf *notes)
{
    notes_add_cut(notes, "form", s->form.key, NOTE_BYTES_MAX);
}

void key_search_note_result(const struct reply *reply, bool was_miss, struct buf *notes)
{
    notes_format(notes, "result", "%s%s", reply_status_name(reply->status),
                 was_miss ? ", but it was a miss before" : "");
}

void key_search_note_answer(const struct key_search *s, const struct reply *reply, bool is_extended,
                            struct buf *notes)
{
    if (!s->has_form)
        notes_add(notes, "form", SPAN("none: the key gives no form of 'search'"));
    if (reply->status != REPLY_FOUND)
        return;
    notes_add_cut(notes, "found", s->form.key, NOTE_BYTES_MAX);
    if (is_extended)
        notes_add_cut(notes, "extended", buf_span(&s->extension), NOTE_BYTES_MAX);
}
