#include "key_forms.h"

#include "key_rules_private.h"

#include "podop/mem.h"

#include <arpa/inet.h>

enum { DOMAIN_BYTES_MAX = 253 }; /* of a host name; a longer domain has no parents */

/* Returns the character between the parts of key if key is an IP address, otherwise NUL. */
static char network_delimiter_of(struct span key)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    bool is_ipv6 = span_has_byte(key, ':');

    if (key.len >= sizeof(text) || key.len == 0 || span_has_byte(key, '\0'))
        return '\0';
    memcpy(text, key.ptr, key.len);
    text[key.len] = '\0';
    if (inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, &address) != 1)
        return '\0';
    return is_ipv6 ? ':' : '.';
}

void key_forms_begin(struct key_forms *forms, const struct key_rules *rules, struct span key)
{
    *forms = (struct key_forms){.rules = rules, .key = key, .address = mail_address_split(key)};
    buf_init(&forms->scratch, BUF_LIMITED_BY_INPUT);
    buf_init(&forms->user_domain, BUF_LIMITED_BY_INPUT);
    if (!forms->address.has_at) {
        forms->network_delimiter = network_delimiter_of(key);
        return;
    }
    if (!mail_address_cut(forms->address.local, key_rules_extension(rules), &forms->scratch,
                          &forms->bare, &forms->extension))
        return;
    buf_add(&forms->user_domain, forms->bare);
    buf_add_char(&forms->user_domain, '@');
    buf_add(&forms->user_domain, forms->address.domain);
}

void key_forms_end(struct key_forms *forms)
{
    buf_deinit(&forms->scratch);
    buf_deinit(&forms->user_domain);
}

/* Returns the key without its extension: user@domain. */
static struct span user_domain(const struct key_forms *forms)
{
    return forms->extension.len > 0 ? buf_span(&forms->user_domain) : forms->key;
}

/* Fills *form with the form of a kind that has at most one. Returns false if there is none. */
static bool one_form(const struct key_forms *forms, enum key_form_kind kind, struct span *form)
{
    const bool has_user = forms->address.has_at && forms->address.local.len > 0;
    const size_t domain = forms->address.domain.len;

    switch (kind) {
    case KEY_FORM_KEY: *form = forms->key; return true;
    case KEY_FORM_USER_DOMAIN: *form = user_domain(forms); return has_user;
    case KEY_FORM_USER_EXT: *form = forms->address.local; return has_user;
    case KEY_FORM_USER: *form = forms->bare; return has_user;
    case KEY_FORM_AT_DOMAIN:
        *form = span_skip(forms->key, forms->key.len - domain - forms->address.has_at);
        return forms->address.has_at && domain > 0;
    case KEY_FORM_DOMAIN: *form = forms->address.domain; return domain > 0;
    case KEY_FORM_ANY: *form = SPAN("*"); return true;
    case KEY_FORM_USER_EXT_AT:
        *form = (struct span){forms->key.ptr, forms->key.len - domain};
        return has_user;
    case KEY_FORM_USER_AT:
        *form = user_domain(forms);
        form->len -= domain;
        return has_user;
    case KEY_FORM_DOT_PARENTS:
    case KEY_FORM_PARENTS:
    case KEY_FORM_KINDS: break;
    }
    return false;
}

/* Returns the next network of an IP address, as Postfix's access maps have them: without its last
 * part. *place is the length of the one before, or 0. */
static bool next_network(const struct key_forms *forms, size_t *place, struct span *form)
{
    const struct span before = {forms->key.ptr, *place > 0 ? *place : forms->key.len};
    const char *end = memrchr(before.ptr, forms->network_delimiter, before.len);

    if (end == NULL || end == before.ptr)
        return false;
    *place = (size_t)(end - before.ptr);
    *form = (struct span){before.ptr, *place};
    return true;
}

/* Returns the next parent domain, with its dot if it has one. *place is where to look for it. */
static bool next_parent(struct span domain, bool has_dot, size_t *place, struct span *form)
{
    const size_t from = *place > 0 ? *place : 1;
    const char *dot = from >= domain.len ? NULL : memchr(domain.ptr + from, '.', domain.len - from);

    if (dot == NULL || domain.len > DOMAIN_BYTES_MAX)
        return false;
    *place = (size_t)(dot - domain.ptr) + 1;
    *form = span_skip(domain, has_dot ? *place - 1 : *place);
    return *place < domain.len;
}

/* Moves *place on and fills *form with the next form of a kind. Returns false if there is none. */
static bool next_of_kind(const struct key_forms *forms, enum key_form_kind kind, size_t *place,
                         struct span *form)
{
    if (kind == KEY_FORM_DOT_PARENTS || kind == KEY_FORM_PARENTS) {
        if (forms->network_delimiter == '\0')
            return next_parent(forms->address.domain, kind == KEY_FORM_DOT_PARENTS, place, form);
        return kind == KEY_FORM_PARENTS && next_network(forms, place, form);
    }
    return (*place)++ == 0 && one_form(forms, kind, form);
}

/* Returns whether a form of kind is equal to text. */
static bool has_form(const struct key_forms *forms, enum key_form_kind kind, struct span text)
{
    struct span form;

    for (size_t place = 0; next_of_kind(forms, kind, &place, &form);) {
        if (span_equal(form, text))
            return true;
    }
    return false;
}

static bool is_repeated(const struct key_forms *forms, const enum key_form_kind *kinds,
                        struct span text)
{
    for (size_t i = 0; i < forms->kind; i++) {
        if (has_form(forms, kinds[i], text))
            return true;
    }
    return false;
}

static bool has_no_extension(enum key_form_kind kind)
{
    return kind == KEY_FORM_USER_DOMAIN || kind == KEY_FORM_USER || kind == KEY_FORM_USER_AT;
}

bool key_forms_next(struct key_forms *forms, struct key_form *form)
{
    static const struct key_form_order key_alone = {{KEY_FORM_KEY}, 1};
    const struct key_form_order *order = forms->rules != NULL ? &forms->rules->order : &key_alone;

    while (forms->kind < order->count) {
        const enum key_form_kind kind = order->kinds[forms->kind];

        if (!next_of_kind(forms, kind, &forms->place, &form->key)) {
            forms->kind++;
            forms->place = 0;
        } else if (!is_repeated(forms, order->kinds, form->key)) {
            form->extension = has_no_extension(kind) ? forms->extension : (struct span){NULL, 0};
            return true;
        }
    }
    return false;
}

struct span key_extension(const struct key_rules *rules, struct span key, struct buf *scratch)
{
    struct span bare, extension;

    mail_address_cut(mail_address_split(key).local, key_rules_extension(rules), scratch, &bare,
                     &extension);
    return extension;
}
