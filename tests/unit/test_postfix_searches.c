/* test_postfix_searches.c - holds the presets against what real Postfix looks up in tables whose
 * partial keys it makes itself. */
#include "unit.h"

#include "mail/fold.h"
#include "mail/key_forms.h"
#include "mail/local_part.h"

enum { COLUMN_TABLE = 16, COLUMN_KEY = 30, COLUMN_ANSWER = 65 };

struct lookup {
    char *process, *table, *key;
    bool is_found;
};

struct step {
    char *title;
    bool has_dots;    /* parent_domain_matches_subdomains names no table: .domain */
    bool has_no_dots; /* it names transport_maps: transports, too, have parents without a dot */
    struct lookup *lookups;
    size_t count;
};

struct capture {
    struct step steps[128];
    size_t count;
};

/* What Postfix does and a preset does not. */
struct exceptions {
    size_t locals; /* a local part alone, of an address in a local domain */
    size_t twins;  /* the same key without its quotes */
    /* Searches that begin otherwise than with the key that a socketmap is asked for: keys with
     * blanks, which memcache: skips, and in "valias, known" and "subdomain" what the answers of the
     * two servers have led to. */
    size_t rests;
};

static struct span unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0';) {
        unsigned byte;

        if (sscanf(from, "\\x%2x", &byte) == 1) {
            *to++ = (char)byte;
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return (struct span){text, (size_t)(to - text)};
}

/* Returns a copy of the column that begins at text, without the blanks after it. */
static char *column(const char *text, size_t len)
{
    while (len > 0 && text[len - 1] == ' ')
        len--;
    return xmemdup0(text, len);
}

/* Splits "key answer": a key is padded to its column, or longer and without blanks. */
static void read_key(struct lookup *l, const char *text)
{
    const size_t width = COLUMN_ANSWER - COLUMN_KEY;
    size_t len = strlen(text) > width && text[width - 1] == ' ' ? width - 1 : strcspn(text, " ");

    l->key = column(text, len);
    unescape(l->key);
    l->is_found = strcmp(text + len + strspn(text + len, " "), "-") != 0;
}

static bool is_lookup(const char *line)
{
    static const char *const processes[] = {"cleanup ", "proxymap ", "smtp ", "smtpd ",
                                            "trivial-rewrite "};

    for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
        if (strncmp(line, processes[i], strlen(processes[i])) == 0)
            return strlen(line) > COLUMN_KEY && line[COLUMN_KEY - 1] == ' ' &&
                   line[COLUMN_KEY] != ' ' && line[COLUMN_TABLE] != ' ';
    }
    return false;
}

static void read_line(struct capture *capture, char *line)
{
    struct step *step = capture->count == 0 ? NULL : &capture->steps[capture->count - 1];

    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "## ", 3) == 0) {
        assert_true(capture->count < ARRAY_LEN(capture->steps));
        capture->steps[capture->count++] = (struct step){.title = xstrdup(line + 3)};
    } else if (step == NULL) {
        return;
    } else if (strcmp(line, "set parent_domain_matches_subdomains =") == 0) {
        step->has_dots = true;
    } else if (strncmp(line, "set parent_domain_matches_subdomains =", 38) == 0) {
        step->has_no_dots = true;
    } else if (is_lookup(line)) {
        struct lookup l = {.process = column(line, COLUMN_TABLE),
                           .table = column(line + COLUMN_TABLE, COLUMN_KEY - COLUMN_TABLE)};

        read_key(&l, line + COLUMN_KEY);
        step->lookups = xreallocarray(step->lookups, step->count + 1, sizeof(l));
        step->lookups[step->count++] = l;
    }
}

/* Reads a capture; name has a %s for the kind of its tables. */
static void capture_init(struct capture *capture, const char *name, const char *kind)
{
    char *path = NULL, *line = NULL;
    size_t size = 0, mark = strcspn(name, "%");
    FILE *file;

    capture->count = 0;
    assert_int_not_equal(
        asprintf(&path, "%s/postfix-%.*s%s%s", CAPTURES, (int)mark, name, kind, name + mark + 2),
        -1);
    file = fopen(path, "r");
    if (file == NULL)
        fail_msg("cannot read %s", path);
    while (getline(&line, &size, file) != -1)
        read_line(capture, line);
    free(path);
    free(line);
    fclose(file);
}

static void capture_deinit(struct capture *capture)
{
    for (size_t s = 0; s < capture->count; s++) {
        struct step *step = &capture->steps[s];

        for (size_t i = 0; i < step->count; i++) {
            free(step->lookups[i].process);
            free(step->lookups[i].table);
            free(step->lookups[i].key);
        }
        free(step->lookups);
        free(step->title);
    }
}

/* Returns the setting `search` that the table of a search needs. */
static const char *search_of(const struct step *step, const struct lookup *l)
{
    static const struct {
        const char *table, *search;
    } tables[] = {
        {"aliases", "virtual"},         {"client", "access"},
        {"canon", "canonical"},         {"etrn", "access"},
        {"generic", "canonical"},       {"helo", "access"},
        {"lrcpt", "virtual"},           {"rbcc", "canonical"},
        {"rcanon", "canonical"},        {"rcpt", "access"},
        {"rdomains", "domain"},         {"relocated", "canonical"},
        {"rrcpt", "virtual"},           {"sasl", "key"},
        {"sasl_password", "canonical"}, {"sbcc", "canonical"},
        {"scanon", "canonical"},        {"sdrelay", "canonical"},
        {"sdtrans", "canonical"},       {"sender", "access"},
        {"slogin", "canonical"},        {"tlspol", "key"},
        {"transport", "transport"},     {"vadomains", "key"},
        {"valias", "virtual"},          {"vmailbox", "virtual"},
        {"vmdomains", "key"},
    };

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        if (strcmp(tables[i].table, l->table) != 0)
            continue;
        if (strstr(step->title, "as relay_domains") != NULL && strchr(l->key, '@') == NULL)
            return "domain"; /* a transport table, asked by relay_domains */
        if (step->has_dots && strcmp(tables[i].search, "access") == 0)
            return "key user@domain domain .domain user+ext@ user@";
        if (step->has_no_dots && strcmp(tables[i].search, "transport") == 0)
            return "key user@domain domain parents";
        return tables[i].search;
    }
    fail_msg("step '%s': table '%s' is not known", step->title, l->table);
    return NULL;
}

/* Replaces the name of a preset by the names of its forms, as the setting does. */
static void add_preset(const char *name, char **items, size_t *count)
{
    const char *const *forms = key_form_preset(name);

    for (size_t i = 0; forms != NULL && forms[i] != NULL; i++) {
        items[i] = (char *)(uintptr_t)forms[i];
        *count = i + 1;
    }
}

static struct key_rules *rules_new(const char *search)
{
    char *items[8], *copy = xstrdup(search), *save = NULL;
    char plus[] = "+";
    struct key_config config = {.fold = KEY_FOLD_ALL, .extension = plus, .search = {items, 0}};
    struct key_rules *rules;

    for (char *name = strtok_r(copy, " ", &save); name != NULL; name = strtok_r(NULL, " ", &save))
        items[config.search.count++] = name;
    add_preset(search, items, &config.search.count);
    rules = key_rules_new(&config);
    free(copy);
    return rules;
}

/* Returns the next lookup of the same process and table, or NULL. */
static const struct lookup *next_of(const struct step *step, const struct lookup *l)
{
    const struct lookup *end = step->lookups + step->count;
    const struct lookup *next = l;

    for (next++; next < end; next++) {
        if (strcmp(next->process, l->process) == 0 && strcmp(next->table, l->table) == 0)
            return next;
    }
    return NULL;
}

static bool is_key(const struct lookup *l, struct span key)
{
    return l != NULL && span_equal(span_of(l->key), key);
}

/* Returns whether l asks for key without the quotes of its local part. */
static bool is_twin(const struct lookup *l, struct span key)
{
    const struct mail_address address = mail_address_split(key);
    struct buf text;
    bool is_equal;

    if (!local_part_is_quoted(address.local))
        return false;
    buf_init(&text, BUF_LIMITED_BY_INPUT);
    local_part_unquote(address.local, &text);
    buf_add(&text, span_skip(key, address.local.len));
    is_equal = is_key(l, buf_span(&text));
    buf_deinit(&text);
    return is_equal;
}

/* Returns whether l asks for a local part of the search alone. */
static bool is_local(const struct lookup *l, struct span key)
{
    const struct span local = mail_address_split(key).local;

    return l != NULL && local.len > 0 && strchr(l->key, '@') == NULL &&
           span_starts_with(local, span_of(l->key));
}

/* A search that is being followed. */
struct search {
    const struct step *step;
    const struct lookup *at; /* the next lookup, or NULL */
    bool *is_seen;           /* of each lookup of the step */
    struct exceptions *exceptions;
};

static bool take(struct search *s)
{
    const struct lookup *l = s->at;

    s->is_seen[l - s->step->lookups] = true;
    s->at = next_of(s->step, l);
    return l->is_found;
}

/* Follows the lookups of one search until one is found or the forms of its first key are used up.
 */
static void follow(struct search *s)
{
    const struct lookup *first = s->at;
    struct key_rules *rules = rules_new(search_of(s->step, first));
    bool is_found = false;
    struct key_forms forms;
    struct key_form form;

    key_forms_begin(&forms, rules, span_of(first->key));
    while (!is_found && key_forms_next(&forms, &form)) {
        while (!is_found && form.key.ptr[0] == '@' && is_local(s->at, span_of(first->key))) {
            s->exceptions->locals++;
            is_found = take(s);
        }
        if (is_found)
            break;
        if (!is_key(s->at, form.key))
            fail_msg("step '%s', %s %s '%s': form '%.*s', but Postfix asks for '%s'",
                     s->step->title, first->process, first->table, first->key, (int)form.key.len,
                     form.key.ptr, s->at == NULL ? "nothing" : s->at->key);
        is_found = take(s);
        if (!is_found && is_twin(s->at, form.key)) {
            s->exceptions->twins++;
            is_found = take(s);
        }
    }
    key_forms_end(&forms);
    key_rules_free(&rules);
}

/* Returns whether a socketmap was asked for the key that search begins with, in whatever case. */
static bool is_whole_key(const struct step *pattern, const struct lookup *search)
{
    bool is_equal = false;
    struct buf key, folded;

    buf_init(&key, BUF_LIMITED_BY_INPUT);
    buf_init(&folded, BUF_LIMITED_BY_INPUT);
    fold_case(span_of(search->key), &key); /* the captures have PORT for a number */
    for (size_t i = 0; i < pattern->count && !is_equal; i++) {
        const struct lookup *l = &pattern->lookups[i];

        buf_clear(&folded);
        fold_case(span_of(l->key), &folded);
        is_equal = strcmp(l->process, search->process) == 0 &&
                   strcmp(l->table, search->table) == 0 &&
                   span_equal(buf_span(&key), buf_span(&folded));
    }
    buf_deinit(&key);
    buf_deinit(&folded);
    return is_equal;
}

/* Returns whether search begins with what only a partial key looks like. */
static bool is_rest(const struct step *pattern, const struct lookup *search)
{
    if (pattern != NULL)
        return !is_whole_key(pattern, search);
    return search->key[0] == '@' || search->key[0] == '.' ||
           search->key[strlen(search->key) - 1] == '@';
}

static size_t follow_step(const struct step *step, const struct step *pattern,
                          struct exceptions *exceptions)
{
    bool *is_seen = xcalloc(step->count + 1, sizeof(*is_seen));
    size_t searches = 0;

    for (size_t i = 0; i < step->count; i++) {
        struct search s = {step, &step->lookups[i], is_seen, exceptions};

        if (is_seen[i])
            continue;
        if (is_rest(pattern, s.at))
            exceptions->rests++;
        follow(&s);
        searches++;
    }
    free(is_seen);
    return searches;
}

static const struct step *find_step(const struct capture *capture, const char *title)
{
    for (size_t i = 0; i < capture->count; i++) {
        if (strcmp(capture->steps[i].title, title) == 0)
            return &capture->steps[i];
    }
    return NULL;
}

static size_t follow_capture(const struct capture *fixed, const struct capture *pattern,
                             struct exceptions *exceptions)
{
    size_t searches = 0;

    for (size_t i = 0; i < fixed->count; i++)
        searches +=
            follow_step(&fixed->steps[i], find_step(pattern, fixed->steps[i].title), exceptions);
    return searches;
}

static void test_searches(void **state)
{
    static const struct {
        const char *name;
        bool has_pattern; /* its steps have counterparts with a socketmap */
        size_t searches;
        struct exceptions exceptions;
    } cases[] = {
        {"keys-%s-postfix3.7.11.txt", true, 1216, {156, 29, 32}},
        {"keys-%s-postfix3.10.13.txt", true, 1216, {156, 29, 32}},
        {"access-%s-postfix3.7.11.txt", true, 103, {2, 0, 3}},
        {"access-%s-postfix3.10.13.txt", true, 101, {2, 0, 3}},
        {"results-%s-postfix3.7.11.txt", false, 441, {17, 0, 3}},
        {"results-%s-postfix3.10.13.txt", false, 441, {17, 0, 3}},
    };
    static struct capture fixed, pattern;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exceptions exceptions = {0};
        size_t searches;

        AT_CASE("%s", cases[i].name);
        capture_init(&fixed, cases[i].name, "fixed");
        pattern.count = 0;
        if (cases[i].has_pattern)
            capture_init(&pattern, cases[i].name, "pattern");
        searches = follow_capture(&fixed, &pattern, &exceptions);
        assert_int_equal(searches, cases[i].searches);
        assert_int_equal(exceptions.locals, cases[i].exceptions.locals);
        assert_int_equal(exceptions.twins, cases[i].exceptions.twins);
        assert_int_equal(exceptions.rests, cases[i].exceptions.rests);
        capture_deinit(&fixed);
        capture_deinit(&pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_searches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
