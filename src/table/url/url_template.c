#include "url_template.h"

#include "url_dots.h"
#include "url_key_parts.h"

#include "table/table_type.h"

#include "podop/mem.h"

#include <stdlib.h>
#include <strings.h>

enum place {
    PLACE_NONE,
    PLACE_KEY,
    PLACE_USER,
    PLACE_LOCAL,
    PLACE_EXTENSION,
    PLACE_DOMAIN,
    PLACE_TABLE,
};

enum { IS_PART = 1U << PLACE_LOCAL | 1U << PLACE_EXTENSION | 1U << PLACE_DOMAIN };

/* Literal text, then a place to fill (the last part has none). */
struct part {
    struct span text;
    enum place place;
};

struct url_template {
    char *base;
    char *target; /* what the parts' texts point into; begins with '/' */
    struct part *parts;
    size_t part_count;
    struct url_dots begin; /* after the text of the first part, which every target begins with */
    unsigned places;       /* bit n: it has place n */
};

static const struct {
    struct span text;
    enum place place;
} placeholders[] = {
    {{"\xc2\xa7", 2}, PLACE_KEY}, /* § */
    {{"{}", 2}, PLACE_KEY},
    {{"{key}", 5}, PLACE_KEY},
    {{"{user}", 6}, PLACE_USER},
    {{"{local}", 7}, PLACE_LOCAL},
    {{"{extension}", 11}, PLACE_EXTENSION},
    {{"{domain}", 8}, PLACE_DOMAIN},
    {{"{table}", 7}, PLACE_TABLE},
};

/* Returns the place that text begins with and sets *len to its length. */
static enum place place_at(struct span text, size_t *len)
{
    for (size_t i = 0; i < ARRAY_LEN(placeholders); i++) {
        if (span_starts_with(text, placeholders[i].text)) {
            *len = placeholders[i].text.len;
            return placeholders[i].place;
        }
    }
    return PLACE_NONE;
}

/* Returns the places of text: bit n, it has place n. */
static unsigned places_of(struct span text)
{
    unsigned places = 0;
    size_t len;

    for (; text.len > 0; text = span_skip(text, 1))
        places |= 1U << place_at(text, &len);
    return places & ~(1U << PLACE_NONE);
}

/* RFC 3986 section 2: all other bytes of a path or query must be percent-encoded. */
static bool is_url_byte(char c)
{
    return c > ' ' && c < 0x7f && strchr("\"<>\\^`{|}#", c) == NULL;
}

/* Checks the scheme and the authority, which must not contain a place. */
static int check_base(const char *text, size_t scheme_len, const char *host, size_t host_len,
                      struct error *err)
{
    const struct span base = {text, (size_t)(host - text) + host_len};
    const bool has_scheme = host != text; /* otherwise a user may be anywhere */

    /* The message must not show it: it contains a secret. */
    if (span_has_byte(has_scheme ? base : span_of(text), '@'))
        return error_set(err, ERR_CONFIG, "the URL must not contain a user or password");
    if (!(scheme_len == 4 && strncasecmp(text, "http", 4) == 0) &&
        !(scheme_len == 5 && strncasecmp(text, "https", 5) == 0))
        return error_set(err, ERR_CONFIG, "invalid URL '%s': expected http:// or https://", text);
    if (places_of(base) != 0)
        return error_set(err, ERR_CONFIG,
                         "a place, such as {key}, must be in the path or query of '%s'", text);
    for (size_t i = 0; i < base.len; i++) {
        if (!is_url_byte(base.ptr[i]))
            return error_set(err, ERR_CONFIG, "byte 0x%02x is not allowed in the host of '%s'",
                             (unsigned char)base.ptr[i], text);
    }
    if (host_len == 0 || host[0] == ':')
        return error_set(err, ERR_CONFIG, "'%s' has no host", text);
    return 0;
}

/* Sets t->base and returns what follows it in text, or NULL with the reason in err. */
static const char *parse_base(struct url_template *t, const char *text, struct error *err)
{
    const char *sep = strstr(text, "://");
    const size_t scheme_len = sep == NULL ? 0 : (size_t)(sep - text);
    const char *host = sep == NULL ? text : sep + 3;
    const size_t host_len = strcspn(host, "/?#");

    if (check_base(text, scheme_len, host, host_len, err) == -1)
        return NULL;
    t->base = xmemdup0(text, (size_t)(host - text) + host_len);
    return host + host_len;
}

static void add_part(struct url_template *t, struct span text, enum place place)
{
    t->parts = xreallocarray(t->parts, t->part_count + 1, sizeof(*t->parts));
    t->parts[t->part_count++] = (struct part){text, place};
    t->places |= 1U << place;
}

static int parse_target(struct url_template *t, struct error *err)
{
    struct span rest = span_of(t->target);
    struct span text = {rest.ptr, 0};

    while (rest.len > 0) {
        size_t len = 1;
        enum place place = place_at(rest, &len);

        if (place != PLACE_NONE) {
            add_part(t, text, place);
            text = (struct span){rest.ptr + len, 0};
        } else if (*rest.ptr == '#') {
            return error_set(err, ERR_CONFIG, "'%s' has a fragment (#), which is never sent",
                             t->target);
        } else if (*rest.ptr == '{' || *rest.ptr == '}') {
            return error_set(
                err, ERR_CONFIG,
                "'%s' has an unknown placeholder: expected {}, {key}, \xc2\xa7, {user}, "
                "{local}, {extension}, {domain} or {table}",
                t->target);
        } else if (!is_url_byte(*rest.ptr)) {
            return error_set(
                err, ERR_CONFIG, "byte 0x%02x in '%s' must be percent-encoded, %%%02X%s",
                (unsigned char)*rest.ptr, t->target, (unsigned char)*rest.ptr,
                (unsigned char)*rest.ptr < 0x80
                    ? ""
                    : " (if it is meant as \xc2\xa7, write {} or save the file as UTF-8)");
        } else {
            text.len++;
        }
        rest = span_skip(rest, len);
    }
    add_part(t, text, PLACE_NONE);
    url_dots_add_text(&t->begin, t->parts[0].text);
    return 0;
}

bool url_template_climbs(const struct url_template *t, struct span table)
{
    const struct table_key harmless = {.key = SPAN("key+e@d"), .user = SPAN("user")};
    const struct url_expansion how = {.table = table, .delimiters = "+", .keep_slash = true};
    struct buf ignored;
    enum url_target result;

    buf_init(&ignored, BUF_LIMITED_BY_INPUT);
    result = url_template_expand(t, &harmless, &how, &ignored);
    buf_deinit(&ignored);
    return result != URL_TARGET_OK;
}

/* Rejects a template with a dot segment of its own: every key would be a miss. */
static int check_climb(const struct url_template *t, struct error *err)
{
    return url_template_climbs(t, SPAN("table"))
               ? error_set(err, ERR_CONFIG, "'%s' has a path segment . or ..", t->target)
               : 0;
}

struct url_template *url_template_new(const char *text, struct error *err)
{
    struct url_template *t = xcalloc(1, sizeof(*t));
    const char *target = parse_base(t, text, err);
    struct buf path;

    if (target == NULL)
        goto fail;
    buf_init(&path, BUF_LIMITED_BY_INPUT);
    if (*target != '/')
        buf_add_char(&path, '/');
    buf_add(&path, span_of(target));
    t->target = xmemdup0(path.ptr, path.len);
    buf_deinit(&path);
    if (parse_target(t, err) == -1 || check_climb(t, err) == -1)
        goto fail;
    return t;
fail:
    url_template_free(&t);
    return NULL;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Returns the first '%' that is not followed by two hexadecimal digits, or NULL. */
static const char *find_percent(const char *text)
{
    const char *at = strchr(text, '%');

    while (at != NULL && is_hex(at[1]) && is_hex(at[2]))
        at = strchr(at + 1, '%');
    return at;
}

int url_template_doubt(const char *text, struct error *err)
{
    const char *percent = find_percent(text);

    if (percent != NULL && percent[1] != '\0')
        return error_set(
            err, ERR_CONFIG,
            "'%.2s' in the URL is sent as it is: the placeholder for the key is {} or \xc2\xa7",
            percent);
    if (percent != NULL)
        return error_set(err, ERR_CONFIG, "the URL ends with a '%%', which is sent as it is");
    return 0;
}

int url_template_doubt_places(const char *text, bool is_post, bool has_extension, struct error *err)
{
    const unsigned places = places_of(span_of(text));

    if (find_percent(text) != NULL) /* which url_template_doubt() reports */
        return 0;
    if ((places & 1U << PLACE_EXTENSION) != 0 && !has_extension)
        return error_set(
            err, ERR_CONFIG,
            "{extension} in the URL is always empty, because 'key' has no 'extension'");
    if (is_post && (places & (1U << PLACE_KEY | 1U << PLACE_LOCAL)) != 0)
        return error_set(
            err, ERR_CONFIG,
            "the URL has a placeholder for the key, which the body has because 'lookup' is "
            "\"post\"");
    if (!is_post && (places & (1U << PLACE_KEY | 1U << PLACE_LOCAL | 1U << PLACE_DOMAIN)) == 0)
        return error_set(
            err, ERR_CONFIG,
            "the URL has no placeholder for the key, {} or \xc2\xa7: it is the same for "
            "every key");
    return 0;
}

void url_template_free(struct url_template **pt)
{
    struct url_template *t = *pt;

    if (t == NULL)
        return;
    *pt = NULL;
    free(t->base);
    free(t->target);
    free(t->parts);
    free(t);
}

const char *url_template_base(const struct url_template *t)
{
    return t->base;
}

bool url_template_is_plain(const struct url_template *t)
{
    return (t->places & 1U << PLACE_KEY) != 0 && (t->places & (1U << PLACE_USER | IS_PART)) == 0;
}

/* The text before the first place and after the last one is the same in all URLs of a template. */
bool url_template_is_alike(const struct url_template *a, const struct url_template *b)
{
    if (url_template_is_plain(a) && url_template_is_plain(b))
        return true;
    if (a->part_count != b->part_count)
        return false;
    for (size_t i = 0; i < a->part_count; i++) {
        const bool is_between = i > 0 && i + 1 < a->part_count;

        if (a->parts[i].place != b->parts[i].place ||
            (is_between && !span_equal(a->parts[i].text, b->parts[i].text)))
            return false;
    }
    return true;
}

static void add_key(struct buf *out, const struct table_key *key, bool with_user, bool keep_slash)
{
    buf_add_percent(out, key->key, keep_slash);
    if (with_user) {
        buf_add_percent(out, SPAN("/"), keep_slash);
        buf_add_percent(out, key->user, keep_slash);
    }
}

/* What one expansion puts into the places of a template. */
struct filling {
    const struct table_key *key;
    const struct url_expansion *how;
    struct url_key_parts parts; /* if the template has a place for one */
    bool appends_user;          /* to the key */
};

static void fill(const struct filling *f, enum place place, struct buf *out)
{
    const bool keep_slash = f->how->keep_slash;

    switch (place) {
    case PLACE_NONE: return;
    case PLACE_KEY: add_key(out, f->key, f->appends_user, keep_slash); return;
    case PLACE_USER: buf_add_percent(out, f->key->user, keep_slash); return;
    case PLACE_LOCAL: buf_add_percent(out, f->parts.local, keep_slash); return;
    case PLACE_EXTENSION: buf_add_percent(out, f->parts.extension, keep_slash); return;
    case PLACE_DOMAIN: buf_add_percent(out, f->parts.domain, keep_slash); return;
    case PLACE_TABLE: buf_add_percent(out, f->how->table, keep_slash); return;
    }
}

/* Returns whether the path of what it has added has no dot segment. */
static bool add_parts(const struct url_template *t, const struct filling *f, struct buf *out)
{
    struct url_dots dots = t->begin;

    for (size_t i = 0; i < t->part_count; i++) {
        const struct part *part = &t->parts[i];
        size_t begin;

        buf_add(out, part->text);
        if (i > 0)
            url_dots_add_text(&dots, part->text);
        if (part->place == PLACE_NONE) /* the last part */
            break;
        begin = out->len;
        fill(f, part->place, out);
        url_dots_add_key(&dots, span_skip(buf_span(out), begin));
    }
    return !url_dots_end(&dots);
}

enum url_target url_template_expand(const struct url_template *t, const struct table_key *key,
                                    const struct url_expansion *how, struct buf *out)
{
    const bool has_parts = (t->places & IS_PART) != 0;
    struct filling f = {
        .key = key,
        .how = how,
        .appends_user = key->is_private && !how->is_path && (t->places & 1U << PLACE_USER) == 0,
    };
    bool is_good;

    if (has_parts)
        url_key_parts_init(&f.parts, key, how->delimiters);
    is_good = add_parts(t, &f, out);
    if (has_parts)
        url_key_parts_deinit(&f.parts);
    if (out->is_over)
        return URL_TARGET_LONG;
    return is_good ? URL_TARGET_OK : URL_TARGET_CLIMBS;
}
