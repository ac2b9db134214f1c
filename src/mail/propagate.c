#include "propagate.h"

#include "address_list.h"
#include "local_part.h"

/* Where the local part of an address is: the tokens from first up to, not including, end. */
struct local_tokens {
    const struct address_token *first, *end;
};

static const struct address_token *find_first(const struct local_tokens *a, char type)
{
    const struct address_token *token = a->first;

    while (token < a->end && token->type != type)
        token++;
    return token;
}

/* Returns the last token of a type, or the end. */
static const struct address_token *find_last(const struct local_tokens *a, char type)
{
    for (const struct address_token *token = a->end; token > a->first; token--) {
        if (token[-1].type == type)
            return token - 1;
    }
    return a->end;
}

static void skip_route(struct local_tokens *a)
{
    const struct address_token *colon = find_first(a, ':');

    if (a->first->type == '@' && colon < a->end - 1)
        a->first = colon + 1;
}

/* Finds the local part of an address, as Postfix's trivial-rewrite: "@route:user@domain",
 * "user@domain", and without an '@' "host!user", "user%domain" and "user". */
static struct local_tokens local_tokens_of(const struct address_list *list,
                                           const struct address_range *address)
{
    struct local_tokens a = {list->tokens + address->first, list->tokens + address->end};
    const struct address_token *end = a.end, *bang;

    skip_route(&a);
    a.end = find_last(&a, '@');
    if (a.end != end)
        return a;
    bang = find_first(&a, '!');
    if (bang != end)
        a.first = bang + 1;
    else
        a.end = find_last(&a, '%');
    return a;
}

/* Returns whether Postfix takes the address for the null address: it has no local part. */
static bool is_null(const struct address_list *list, const struct address_range *address)
{
    const struct address_token *token = &list->tokens[address->first];

    return address->end - address->first == 1 &&
           (token->type == '@' || (token->type == TOKEN_QUOTED && token->text.len == 0));
}

static bool is_quoted(const struct address_token *token)
{
    return token->type == TOKEN_QUOTED ||
           (token->type == TOKEN_ATOM && span_has_byte(token->text, '\\'));
}

/* Returns whether text has characters that are operators outside of quotes, for Postfix only. */
static bool has_operators(struct span text)
{
    return span_has_byte(text, '%') || span_has_byte(text, '!') || span_has_byte(text, '|');
}

/* Appends the local part with extension at its end. What was quoted stays quoted, and an extension
 * does not bring in operators. */
static void add_local(const struct local_tokens *local, struct span extension, struct buf *out)
{
    bool has_quotes = has_operators(extension);
    struct buf text;

    buf_init(&text, BUF_LIMITED_BY_INPUT);
    for (const struct address_token *token = local->first; token < local->end; token++) {
        address_token_add(token, &text);
        has_quotes = has_quotes || is_quoted(token);
    }
    buf_add(&text, extension);
    if (has_quotes)
        local_part_enclose(buf_span(&text), out);
    else
        local_part_quote(buf_span(&text), out);
    buf_deinit(&text);
}

static const char *end_of(const struct address_token *token)
{
    return token->span.ptr + token->span.len;
}

/* Returns where the local part of an address begins, even if it has no tokens. */
static const char *begin_of(const struct local_tokens *local, const struct address_token *end)
{
    return local->first == end ? end_of(end - 1) : local->first->span.ptr;
}

/* What of the value was copied, and the end of the address before: NULL for the first. */
struct place {
    const char *copied, *after;
};

/* Copies the value up to the end of the local part of an address, with extension there. end is the
 * end of the address. */
static void add_address(const struct local_tokens *local, const struct address_token *end,
                        struct span extension, struct place *place, struct buf *out)
{
    const char *begin = begin_of(local, end);

    buf_add(out, (struct span){place->copied, (size_t)(begin - place->copied)});
    if (begin == place->after) /* only a quote divides the two addresses */
        buf_add(out, SPAN(", "));
    add_local(local, extension, out);
    place->copied = local->first == local->end ? begin : end_of(local->end - 1);
}

static void add_list(const struct address_list *list, struct span value, struct span extension,
                     struct buf *out)
{
    struct place place = {value.ptr, NULL};

    for (size_t i = 0; i < list->address_count && !out->is_over; i++) {
        const struct address_range *address = &list->addresses[i];
        const struct address_token *end = list->tokens + address->end;

        if (!is_null(list, address)) {
            const struct local_tokens local = local_tokens_of(list, address);

            add_address(&local, end, extension, &place, out);
        }
        place.after = end_of(end - 1);
    }
    buf_add(out, span_skip(value, (size_t)(place.copied - value.ptr)));
}

void propagate_extension(struct span value, struct span extension, struct buf *out)
{
    struct address_list list;

    if (extension.len == 0 || value.len == 0 || value.ptr[0] == '@') {
        buf_add(out, value);
        return;
    }
    address_list_init(&list, value);
    add_list(&list, value, extension, out);
    address_list_deinit(&list);
}
