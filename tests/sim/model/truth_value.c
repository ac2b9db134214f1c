/* truth_value.c - values: JSON, and what podop-url(7) makes of it for each protocol. */
#include "truth.h"

#include "podop/mem.h"

#include <stdlib.h>
#include <string.h>

struct view {
    char *text;
    size_t len;
    bool is_miss;
};

static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\' || (unsigned char)*at < ' ')
            return NULL;
    }
    return at < end ? at + 1 : NULL;
}

/* Returns the end of the scalar at the front, or NULL when it is none that the model knows. */
static const char *skip_scalar(const char *at, const char *end)
{
    static const char *const words[] = {"true", "false", "null"};
    const char *begin = at;

    if (at < end && *at == '"')
        return skip_string(at, end);
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        const size_t len = strlen(words[i]);

        if ((size_t)(end - at) >= len && memcmp(at, words[i], len) == 0)
            return at + len;
    }
    if (at < end && *at == '-')
        at++;
    for (begin = at; at < end && *at >= '0' && *at <= '9'; at++)
        ;
    return at > begin ? at : NULL;
}

static bool is_word(const char *at, const char *word)
{
    return *at == *word; /* no other scalar begins with f or n */
}

/* Appends what Postfix sees of an item. */
static void add_item(struct view *view, const char *at, const char *end, bool *is_first)
{
    if (is_word(at, "null") || is_word(at, "false"))
        return;
    if (!*is_first)
        view->text[view->len++] = ',';
    *is_first = false;
    if (*at == '"') {
        at++;
        end--;
    }
    memcpy(view->text + view->len, at, (size_t)(end - at));
    view->len += (size_t)(end - at);
}

/* Joins the items of an array for Postfix. Returns false when it is none that the model knows. */
static bool join_items(struct view *view, const char *at, const char *end)
{
    bool is_first = true;

    if (end - at == 2)
        return at[1] == ']';
    for (at++; at < end; at++) {
        const char *next = skip_scalar(at, end);

        if (next == NULL || next == end)
            return false;
        add_item(view, at, next, &is_first);
        if (*next == ']')
            return next + 1 == end;
        if (*next != ',')
            return false;
        at = next;
    }
    return false;
}

static bool view_array(struct view view[2], const char *json, size_t len)
{
    view[TRUTH_DOVECOT].len = len;
    memcpy(view[TRUTH_DOVECOT].text, json, len);
    return join_items(&view[TRUTH_POSTFIX], json, json + len);
}

static bool view_scalar(struct view view[2], const char *json, size_t len)
{
    const bool is_string = *json == '"';
    const size_t text_len = is_string ? len - 2 : len;

    if (skip_scalar(json, json + len) != json + len)
        return false;
    for (int i = 0; i < 2; i++) {
        view[i].is_miss = is_word(json, "null");
        view[i].len = text_len;
        memcpy(view[i].text, json + (is_string ? 1 : 0), text_len);
    }
    if (is_word(json, "false"))
        view[TRUTH_POSTFIX].len = 0;
    return true;
}

struct truth_value *truth_value_new(const char *json, size_t len)
{
    /* The views need no more than the JSON: items are without their quotes and brackets. */
    struct truth_value *value = xmalloc(sizeof(*value) + 3 * (len + 1));
    char *bytes = (char *)(value + 1);
    struct view view[2] = {{.text = bytes + len + 1}, {.text = bytes + 2 * (len + 1)}};

    *value = (struct truth_value){.references = 1, .json_len = (uint32_t)len, .json = bytes};
    memcpy(bytes, json, len);
    bytes[len] = '\0';
    if (len == 0 || !(*json == '[' ? view_array(view, json, len) : view_scalar(view, json, len))) {
        free(value);
        return NULL;
    }
    view[TRUTH_POSTFIX].is_miss |= view[TRUTH_POSTFIX].len == 0; /* NOTFOUND */
    for (int i = 0; i < 2; i++) {
        view[i].text[view[i].len] = '\0';
        value->text[i] = view[i].is_miss ? NULL : view[i].text;
        value->len[i] = view[i].is_miss ? 0 : (uint32_t)view[i].len;
    }
    return value;
}

struct truth_value *truth_value_string(const char *text, size_t len)
{
    char *json = xmalloc(len + 2);
    struct truth_value *value;

    json[0] = json[len + 1] = '"';
    memcpy(json + 1, text, len);
    value = truth_value_new(json, len + 2);
    free(json);
    return value;
}

struct truth_value *truth_value_text(const char *text, size_t len)
{
    struct truth_value *value = truth_value_new(text, len);

    return value == NULL ? truth_value_string(text, len) : value;
}

bool truth_value_equal(const struct truth_value *a, const struct truth_value *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->json_len == b->json_len && memcmp(a->json, b->json, a->json_len) == 0;
}

bool truth_value_shows(const struct truth_value *value, enum truth_protocol protocol,
                       const char *text, size_t len)
{
    const char *own = value == NULL ? NULL : value->text[protocol];

    if (own == NULL || text == NULL)
        return own == text;
    return value->len[protocol] == len && memcmp(own, text, len) == 0;
}

struct truth_value *truth_value_ref(struct truth_value *value)
{
    if (value != NULL)
        value->references++;
    return value;
}

void truth_value_unref(struct truth_value **pvalue)
{
    struct truth_value *value = *pvalue;

    *pvalue = NULL;
    if (value != NULL && --value->references == 0)
        free(value);
}
