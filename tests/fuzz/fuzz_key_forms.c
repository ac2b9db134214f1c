/* A byte that selects the settings, then the key. */
#include "fuzz.h"

#include "podop/mem.h"

#include "mail/key_forms.h"
#include "mail/local_part.h"

enum { FORMS_MAX = KEY_FORM_KINDS + 2 * 253 };

static char delimiters[] = "+-";

static struct key_rules *rules_new(unsigned settings)
{
    static const char *const names[] = {"key",     "user@domain", "user+ext", "user",
                                        "@domain", "domain",      ".domain",  "parents",
                                        "*",       "user+ext@",   "user@"};
    char *items[sizeof(names) / sizeof(names[0])];
    struct key_config config = {
        .fold = (enum key_fold)(settings % 3),
        .idna = (enum key_idna)(settings / 3 % 3),
        .search = {items, sizeof(names) / sizeof(names[0])},
        .extension = delimiters,
    };
    struct key_rules *rules;

    for (size_t i = 0; i < config.search.count; i++)
        items[i] = xstrdup(names[i]);
    rules = key_rules_new(&config);
    for (size_t i = 0; i < config.search.count; i++)
        free(items[i]);
    return rules;
}

static void check_split(struct span key)
{
    const struct mail_address address = mail_address_split(key);

    PROMISE(address.local.len + address.has_at + address.domain.len == key.len);
    PROMISE(!address.has_at || key.ptr[address.local.len] == '@');
    PROMISE(address.has_at || address.local.len == 0);
}

static void add_unquoted(struct span local, struct buf *out)
{
    if (local_part_is_quoted(local))
        local_part_unquote(local, out);
    else
        buf_add(out, local);
}

static void check_cut(struct span local)
{
    struct span bare, extension;
    struct buf scratch, whole, parts;

    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    buf_init(&whole, BUF_LIMITED_BY_INPUT);
    buf_init(&parts, BUF_LIMITED_BY_INPUT);
    if (!mail_address_cut(local, delimiters, &scratch, &bare, &extension)) {
        PROMISE(extension.len == 0 && span_equal(bare, local));
    } else {
        PROMISE(extension.len > 0 && strchr(delimiters, extension.ptr[0]) != NULL && bare.len > 0);
        add_unquoted(local, &whole);
        if (local_part_is_quoted(local) || !local_part_needs_quotes(local))
            add_unquoted(bare, &parts);
        else
            buf_add(&parts, bare);
        buf_add(&parts, extension);
        PROMISE(span_equal(buf_span(&whole), buf_span(&parts)));
    }
    buf_deinit(&scratch);
    buf_deinit(&whole);
    buf_deinit(&parts);
}

static void check_forms(const struct key_rules *rules, struct span key)
{
    struct span *seen = xcalloc(FORMS_MAX, sizeof(*seen));
    struct key_forms forms;
    struct key_form form;
    size_t count = 0;

    key_forms_begin(&forms, rules, key);
    while (key_forms_next(&forms, &form)) {
        PROMISE(count < FORMS_MAX);
        PROMISE(count > 0 || span_equal(form.key, key));
        for (size_t i = 0; i < count; i++)
            PROMISE(!span_equal(seen[i], form.key));
        seen[count++] = form.key;
    }
    PROMISE(count > 0);
    key_forms_end(&forms);
    free(seen);
}

static void check_normal(const struct key_rules *rules, struct span key, struct buf *once)
{
    struct buf twice;

    buf_init(&twice, BUF_LIMITED_BY_INPUT);
    key_normalise(rules, key, once);
    key_normalise(rules, buf_span(once), &twice);
    PROMISE(span_equal(buf_span(once), buf_span(&twice)));
    buf_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span key = {(const char *)data + (size > 0), size - (size > 0)};
    struct key_rules *rules = rules_new(size > 0 ? data[0] : 0);
    struct buf normal, small;

    check_split(key);
    check_cut(mail_address_split(key).local);
    buf_init(&normal, BUF_LIMITED_BY_INPUT);
    check_normal(rules, key, &normal);
    check_forms(rules, key);
    check_forms(rules, buf_span(&normal));
    if (normal.len > 0) {
        buf_init(&small, normal.len - 1);
        key_normalise(rules, key, &small);
        PROMISE(small.is_over);
        buf_deinit(&small);
    }
    buf_deinit(&normal);
    key_rules_free(&rules);
    return 0;
}
