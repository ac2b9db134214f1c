#include "address_list.h"

#include "podop/mem.h"

/* What the tokens to the right of the current one allow it to be. */
struct address_parser {
    struct address_list *list;
    size_t at;         /* the current token is the one before this */
    size_t end;        /* of the address that the current token may belong to */
    bool is_word_good; /* an atom, quoted string or literal may stand here; otherwise a comma is
                          missing */
    bool is_group;     /* a ';' was seen: a ':' begins a group */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_operator(char c)
{
    return c != '\0' && strchr("|%!()<>@,;:\".[]", c) != NULL;
}

/* Returns the length of the comment at the beginning of text. */
static size_t comment_length(struct span text)
{
    size_t depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\') {
            i++;
        } else if (text.ptr[i] == '(') {
            depth++;
        } else if (text.ptr[i] == ')' && --depth == 0) {
            return i + 1;
        }
    }
    return text.len;
}

/* Takes a token that begins with a quote or bracket, and ends with last or with the text. */
static struct address_token take_enclosed(struct span text, char type, char last)
{
    size_t i = 1;

    while (i < text.len && text.ptr[i] != last)
        i += text.ptr[i] == '\\' && i + 1 < text.len ? 2 : 1;
    return (struct address_token){
        .type = type,
        .span = {text.ptr, i < text.len ? i + 1 : i},
        .text = {text.ptr + 1, i - 1},
    };
}

static struct address_token take_atom(struct span text)
{
    size_t i = 0;

    while (i < text.len && !is_blank(text.ptr[i]) && !is_operator(text.ptr[i]))
        i += text.ptr[i] == '\\' && i + 1 < text.len ? 2 : 1;
    return (struct address_token){.type = TOKEN_ATOM, .span = {text.ptr, i}, .text = {text.ptr, i}};
}

static struct address_token take_token(struct span text)
{
    const char c = text.ptr[0];

    if (c == '"')
        return take_enclosed(text, TOKEN_QUOTED, '"');
    if (c == '[')
        return take_enclosed(text, TOKEN_LITERAL, ']');
    if (is_operator(c))
        return (struct address_token){.type = c, .span = {text.ptr, 1}, .text = {text.ptr, 1}};
    return take_atom(text);
}

/* Returns the array with room for one more item: it grows when count is a power of two. */
static void *with_room(void *items, size_t count, size_t bytes)
{
    return (count & (count - 1)) != 0 ? items
                                      : xreallocarray(items, count == 0 ? 1 : 2 * count, bytes);
}

static void add_token(struct address_list *list, struct address_token token)
{
    list->tokens = with_room(list->tokens, list->token_count, sizeof(*list->tokens));
    list->tokens[list->token_count++] = token;
}

static void read_tokens(struct address_list *list, struct span text)
{
    while (text.len > 0) {
        size_t used = 1;

        if (text.ptr[0] == '(') {
            used = comment_length(text);
        } else if (!is_blank(text.ptr[0])) {
            const struct address_token token = take_token(text);

            add_token(list, token);
            used = token.span.len;
        }
        text = span_skip(text, used);
    }
}

static char type_at(const struct address_parser *p)
{
    return p->list->tokens[p->at - 1].type;
}

static bool is_word(char type)
{
    return type == TOKEN_ATOM || type == TOKEN_QUOTED || type == TOKEN_LITERAL;
}

/* Makes an address of the tokens after the current one, up to the end, if there are any. */
static void end_address(struct address_parser *p)
{
    struct address_list *list = p->list;

    if (p->at >= p->end)
        return;
    list->addresses = with_room(list->addresses, list->address_count, sizeof(*list->addresses));
    list->addresses[list->address_count++] = (struct address_range){p->at, p->end};
}

/* Skips tokens to the left until one of stops is the current one. */
static void skip_to(struct address_parser *p, const char *stops)
{
    while (p->at > 0 && strchr(stops, type_at(p)) == NULL)
        p->at--;
}

/* Lets the next address end before the current token. */
static void set_end(struct address_parser *p)
{
    p->end = p->at > 0 ? p->at - 1 : 0;
}

/* Reads "Name <address>" from its '>'. */
static void read_bracketed(struct address_parser *p)
{
    end_address(p);
    set_end(p);
    skip_to(p, "<");
    end_address(p);
    skip_to(p, ">;,:"); /* the name */
    set_end(p);
    p->is_word_good = true;
}

/* Reads the beginning of "Name: addresses;" from its ':'. */
static void read_group_name(struct address_parser *p)
{
    end_address(p);
    skip_to(p, ",");
    set_end(p);
}

static void read_separator(struct address_parser *p)
{
    end_address(p);
    set_end(p);
    p->is_word_good = true;
    if (type_at(p) == ';')
        p->is_group = true;
    p->at--;
}

static void read_word(struct address_parser *p)
{
    if (!p->is_word_good) {
        end_address(p);
        p->end = p->at;
    }
    p->is_word_good = false;
    p->at--;
}

static void read_operator(struct address_parser *p)
{
    p->is_word_good = true;
    p->at--;
}

/* Postfix reads the tokens from the right to the left: tok822_parse.c of 3.7. */
static void read_addresses(struct address_parser *p)
{
    while (p->at > 0) {
        const char type = type_at(p);

        if (type == ';' || type == ',')
            read_separator(p);
        else if (type == ':' && p->is_group)
            read_group_name(p);
        else if (type == '>')
            read_bracketed(p);
        else if (is_word(type))
            read_word(p);
        else
            read_operator(p);
    }
    end_address(p);
}

static void reverse(struct address_range *ranges, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        const struct address_range first = ranges[i];

        ranges[i] = ranges[count - 1 - i];
        ranges[count - 1 - i] = first;
    }
}

void address_list_init(struct address_list *list, struct span text)
{
    struct address_parser parser = {.list = list, .is_word_good = true};

    *list = (struct address_list){0};
    read_tokens(list, text);
    parser.at = parser.end = list->token_count;
    read_addresses(&parser);
    reverse(list->addresses, list->address_count);
}

void address_list_deinit(struct address_list *list)
{
    free(list->tokens);
    free(list->addresses);
    *list = (struct address_list){0};
}

void address_token_add(const struct address_token *token, struct buf *out)
{
    const struct span text = token->text;
    bool is_escaped = false;

    if (token->type == TOKEN_LITERAL)
        buf_add_char(out, '[');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\\' || is_escaped) {
            buf_add_char(out, (char)(is_blank(text.ptr[i]) ? ' ' : text.ptr[i]));
            is_escaped = false;
        } else {
            is_escaped = true;
        }
    }
    if (token->type == TOKEN_LITERAL)
        buf_add_char(out, ']');
}
