#include "key_rules.h"

#include "fold.h"
#include "idna.h"
#include "key_rules_private.h"
#include "mail_address.h"

#include "podop/mem.h"

static bool is_key_alone(const struct key_form_order *order)
{
    return order->count == 1 && order->kinds[0] == KEY_FORM_KEY;
}

static bool has_kind(const struct key_form_order *order, enum key_form_kind kind)
{
    for (size_t i = 0; i < order->count; i++) {
        if (order->kinds[i] == kind)
            return true;
    }
    return false;
}

static enum bare_keys bare_keys_of(const struct key_form_order *order)
{
    if (!has_kind(order, KEY_FORM_USER) && !has_kind(order, KEY_FORM_USER_EXT))
        return BARE_KEYS_DOMAINS;
    return has_kind(order, KEY_FORM_DOMAIN) || has_kind(order, KEY_FORM_DOT_PARENTS) ||
                   has_kind(order, KEY_FORM_PARENTS)
               ? BARE_KEYS_MIXED
               : BARE_KEYS_USERS;
}

struct key_rules *key_rules_new(const struct key_config *config)
{
    const struct key_form_order order = key_form_order_of(&config->search);
    const char *extension = config->extension != NULL ? config->extension : "";
    struct key_rules *rules;

    if (config->fold == KEY_FOLD_NONE && config->idna == KEY_IDNA_NONE && is_key_alone(&order) &&
        *extension == '\0')
        return NULL;
    rules = xmalloc(sizeof(*rules));
    *rules = (struct key_rules){
        .bare_keys = bare_keys_of(&order),
        .fold = config->fold,
        .idna = config->idna,
        .order = order,
        .propagate = config->propagate,
        .extension = xstrdup(extension),
    };
    return rules;
}

struct key_rules *key_rules_copy(const struct key_rules *rules)
{
    struct key_rules *copy;

    if (rules == NULL)
        return NULL;
    copy = xmalloc(sizeof(*copy));
    *copy = *rules;
    copy->extension = xstrdup(rules->extension);
    return copy;
}

void key_rules_free(struct key_rules **rules)
{
    struct key_rules *r = *rules;

    if (r == NULL)
        return;
    *rules = NULL;
    free(r->extension);
    free(r);
}

static enum key_fold fold_of(const struct key_rules *rules)
{
    return rules == NULL ? KEY_FOLD_NONE : rules->fold;
}

static enum key_idna idna_of(const struct key_rules *rules)
{
    return rules == NULL ? KEY_IDNA_NONE : rules->idna;
}

bool key_rules_equal(const struct key_rules *a, const struct key_rules *b)
{
    if (fold_of(a) != fold_of(b) || idna_of(a) != idna_of(b))
        return false;
    return idna_of(a) == KEY_IDNA_NONE || a->bare_keys == b->bare_keys;
}

bool key_rules_search(const struct key_rules *rules)
{
    return rules != NULL && !is_key_alone(&rules->order);
}

bool key_rules_propagate(const struct key_rules *rules)
{
    return rules != NULL && rules->propagate;
}

const char *key_rules_extension(const struct key_rules *rules)
{
    return rules == NULL ? "" : rules->extension;
}

static void add(struct span text, bool is_folded, struct buf *out)
{
    if (is_folded)
        fold_case(text, out);
    else
        buf_add(out, text);
}

/* Appends domain in the labels of idna, or as it is if it cannot be converted. */
static void add_labels(struct span domain, enum key_idna idna, struct buf *out)
{
    if (!idna_convert(domain, idna == KEY_IDNA_ASCII ? IDNA_A_LABELS : IDNA_U_LABELS, out))
        buf_add(out, domain);
}

/* Folds before it converts, as Postfix folds a domain that somebody typed in U-labels: smtpd asks
 * for strasse.example when cleanup asks for straße.example, and both must be one key. Folds again,
 * because A-labels may stand for U-labels that are not folded. */
static void add_domain(struct span domain, enum key_idna idna, bool is_folded, struct buf *out)
{
    struct buf folded, labels;

    if (idna == KEY_IDNA_NONE) {
        add(domain, is_folded, out);
        return;
    }
    if (!is_folded) {
        add_labels(domain, idna, out);
        return;
    }
    buf_init(&folded, BUF_LIMITED_BY_INPUT);
    buf_init(&labels, BUF_LIMITED_BY_INPUT);
    fold_case(domain, &folded);
    add_labels(buf_span(&folded), idna, &labels);
    fold_case(buf_span(&labels), out);
    buf_deinit(&folded);
    buf_deinit(&labels);
}

/* Returns whether key, which has no '@', is a domain. A domain of a single label is rare in a table
 * that has users without a domain. */
static bool is_domain(const struct key_rules *rules, struct span key)
{
    return rules->bare_keys == BARE_KEYS_DOMAINS ||
           (rules->bare_keys == BARE_KEYS_MIXED && span_has_byte(key, '.'));
}

static void normalise(const struct key_rules *rules, struct span key, bool is_user, struct buf *out)
{
    const enum key_fold fold = fold_of(rules);
    const enum key_idna idna = idna_of(rules);
    struct mail_address address;

    if (idna == KEY_IDNA_NONE && fold != KEY_FOLD_DOMAIN) { /* the parts do not matter */
        add(key, fold == KEY_FOLD_ALL, out);
        return;
    }
    address = mail_address_split(key);
    if (!address.has_at && (is_user || !is_domain(rules, key))) {
        add(key, fold == KEY_FOLD_ALL, out);
        return;
    }
    add(address.local, fold == KEY_FOLD_ALL, out);
    if (address.has_at)
        buf_add_char(out, '@');
    add_domain(address.domain, idna,
               fold == KEY_FOLD_ALL || (fold == KEY_FOLD_DOMAIN && address.has_at), out);
}

void key_normalise(const struct key_rules *rules, struct span key, struct buf *out)
{
    normalise(rules, key, false, out);
}

void key_normalise_user(const struct key_rules *rules, struct span user, struct buf *out)
{
    normalise(rules, user, true, out);
}
