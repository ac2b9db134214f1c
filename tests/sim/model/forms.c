#include "forms.h"

#include <string.h>

struct text {
    const char *bytes;
    size_t len;
};

/* The parts of a key in its normal form. */
struct parts {
    struct truth_key *key;
    struct text local, bare, domain; /* local: with the extension */
    bool has_user;
};

static struct parts split(struct truth_key *key)
{
    const char *name = truth_name(key);
    const size_t len = truth_name_len(key);
    const char *at = len == 0 ? NULL : memrchr(name, '@', len), *plus;
    struct parts p = {.key = key, .domain = {name, len}, .has_user = at != NULL && at > name};

    if (at == NULL)
        return p;
    p.local = p.bare = (struct text){name, (size_t)(at - name)};
    p.domain = (struct text){at + 1, len - p.local.len - 1};
    plus = memchr(name, '+', p.local.len);
    if (plus != NULL && plus > name)
        p.bare.len = (size_t)(plus - name);
    return p;
}

struct list {
    struct truth *store;
    struct truth_key **forms;
    size_t count;
};

/* Adds a form of up to three parts, unless there is an equal one. */
static void add(struct list *list, struct text a, const char *b, struct text c)
{
    char bytes[256];
    const size_t middle = strlen(b), len = a.len + middle + c.len;
    struct truth_key *form;

    if (len > sizeof(bytes) || list->count == FORMS_MAX)
        return;
    if (a.len > 0)
        memcpy(bytes, a.bytes, a.len);
    memcpy(bytes + a.len, b, middle);
    if (c.len > 0)
        memcpy(bytes + a.len + middle, c.bytes, c.len);
    form = truth_add(list->store, bytes, len);
    for (size_t i = 0; i < list->count; i++) {
        if (list->forms[i] == form)
            return;
    }
    list->forms[list->count++] = form;
}

static const struct text none = {NULL, 0};

static void add_parents(struct list *list, struct text domain, bool has_dot)
{
    const char *end = domain.bytes + domain.len;
    const char *dot = domain.len < 2 ? NULL : memchr(domain.bytes + 1, '.', domain.len - 1);

    for (; dot != NULL && dot + 1 < end; dot = memchr(dot + 1, '.', (size_t)(end - dot - 1)))
        add(list, none, has_dot ? "." : "", (struct text){dot + 1, (size_t)(end - dot - 1)});
}

size_t forms_of(struct truth_key *spelled, unsigned rules, struct truth_key *forms[FORMS_MAX])
{
    const struct parts p = split(keys_normal(spelled, rules % KEYS_FOLDS));
    struct list list = {truth_of(spelled), forms, 0};
    const enum forms_search search = forms_search_of(rules);

    add(&list, (struct text){truth_name(p.key), truth_name_len(p.key)}, "", none);
    if (p.has_user)
        add(&list, p.bare, "@", p.domain);
    if (search == FORMS_VIRTUAL && p.local.bytes != NULL)
        add(&list, none, "@", p.domain);
    if (search != FORMS_VIRTUAL) {
        add(&list, p.domain, "", none);
        add_parents(&list, p.domain, search == FORMS_TRANSPORT);
    }
    if (search == FORMS_ACCESS && p.has_user) {
        add(&list, p.local, "@", none);
        add(&list, p.bare, "@", none);
    }
    return list.count;
}
