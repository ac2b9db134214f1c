#include "keys.h"

#include "../kernel/kernel.h"

#include <string.h>

enum { KEY_BYTES_MAX = 1024 };

/* Rules over time */

static struct scene_rules *nth(struct scene_table *table, unsigned number)
{
    return &table->rules_log[number % SCENE_RULES_KEPT];
}

void keys_may_change(struct scene_table *table, unsigned rules, int64_t now_ns)
{
    if (table->rules_count > 0 && nth(table, table->rules_count - 1)->rules == rules)
        return;
    *nth(table, table->rules_count++) = (struct scene_rules){rules, now_ns, INT64_MAX};
    sim_trace("rules of %s: %u", table->name, rules);
}

static unsigned first_kept(const struct scene_table *table)
{
    return table->rules_count > SCENE_RULES_KEPT ? table->rules_count - SCENE_RULES_KEPT : 0;
}

void keys_changed(struct scene_table *table, int64_t now_ns)
{
    for (unsigned i = first_kept(table); i + 1 < table->rules_count; i++) {
        struct scene_rules *r = nth(table, i);

        if (r->until_ns > now_ns)
            r->until_ns = now_ns;
    }
}

/* The end of one is never before the end of an earlier one. */
unsigned keys_used(const struct scene_table *table, int64_t from_ns, int64_t to_ns)
{
    unsigned used = 0;

    for (unsigned i = table->rules_count; i > first_kept(table); i--) {
        const struct scene_rules *r = &table->rules_log[(i - 1) % SCENE_RULES_KEPT];

        if (r->until_ns < from_ns && used != 0)
            break;
        if (r->from_ns <= to_ns || i - 1 == first_kept(table))
            used |= 1u << r->rules;
    }
    return used == 0 ? 1u << table->rules : used;
}

unsigned keys_first_used(const struct scene_table *table, int64_t from_ns)
{
    unsigned i = first_kept(table);

    while (i + 1 < table->rules_count && table->rules_log[i % SCENE_RULES_KEPT].until_ns < from_ns)
        i++;
    return i;
}

/* Normal forms */

struct text {
    char bytes[KEY_BYTES_MAX];
    size_t len;
};

static void add(struct text *out, const char *bytes, size_t len, bool is_folded)
{
    for (size_t i = 0; i < len && out->len < sizeof(out->bytes); i++) {
        const char c = bytes[i];

        out->bytes[out->len++] = is_folded && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
}

/* Adds a domain, whose first label may be the one that has two forms. */
static void add_domain(struct text *out, const char *domain, size_t len, unsigned rules,
                       bool is_folded)
{
    static const char *const labels[KEYS_IDNAS] = {
        [KEYS_IDNA_ASCII] = KEYS_A_LABEL, [KEYS_IDNA_UNICODE] = KEYS_U_LABEL};
    static const char *const forms[] = {KEYS_A_LABEL ".", KEYS_U_LABEL "."};
    const char *label = labels[keys_idna_of(rules)];

    for (size_t i = 0; label != NULL && i < 2; i++) {
        const size_t own = strlen(forms[i]);

        if (len < own || memcmp(domain, forms[i], own) != 0)
            continue;
        add(out, label, strlen(label), false);
        add(out, domain + own - 1, len - own + 1, true); /* A-labels have no case */
        return;
    }
    add(out, domain, len, is_folded);
}

static void normalise(struct text *out, const char *name, size_t len, unsigned rules)
{
    const char *at = len == 0 ? NULL : memrchr(name, '@', len);
    const size_t local = at == NULL ? len : (size_t)(at - name) + 1;
    const enum keys_fold fold = keys_fold_of(rules);

    add(out, name, local, fold == KEYS_FOLD_ALL);
    if (at != NULL)
        add_domain(out, name + local, len - local, rules, fold != KEYS_FOLD_NONE);
}

struct truth_key *keys_normal(struct truth_key *spelled, unsigned rules)
{
    struct truth_key *normal = truth_alias(spelled, rules);
    struct text text = {.len = 0};

    if (normal != NULL)
        return normal;
    normalise(&text, truth_name(spelled), truth_name_len(spelled), rules);
    normal = truth_add(truth_of(spelled), text.bytes, text.len);
    truth_set_alias(spelled, rules, normal);
    return normal;
}

struct truth_key *keys_class(struct truth_key *spelled)
{
    return keys_normal(spelled, keys_rules(KEYS_FOLD_ALL, KEYS_IDNA_ASCII));
}
