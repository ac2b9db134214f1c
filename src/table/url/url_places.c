#include "url_places.h"

#include <stdio.h>
#include <string.h>

/* The place n of URL i is n * count + i. So the places in use stay close together when one name has
 * more addresses than the others. */
static struct url_state *place(const struct url_backends *b, size_t i, size_t n)
{
    return &b->health->of[n * b->count + i];
}

static bool has(const struct http_addresses *known, const struct endpoint *address)
{
    for (size_t i = 0; i < known->count; i++) {
        if (endpoint_is_same_address(&known->list[i], address))
            return true;
    }
    return false;
}

static bool is_unresolved(const struct url_state *state)
{
    return !state->has_address && !state->is_gone;
}

static bool is_of(const struct url_state *state, const struct endpoint *address)
{
    return state->has_address && endpoint_is_same_address(&state->address, address);
}

static void remove_gone(struct url_backends *b, size_t i, const struct http_addresses *known)
{
    for (size_t n = 0; n < b->health->used; n++) {
        struct url_state *state = place(b, i, n);

        if (state->has_address && !has(known, &state->address))
            state->is_gone = true;
    }
}

/* Returns whether requests are under way at an address that has left, or have failed there and are
 * under way elsewhere: how they end is told of the place. */
static bool is_in_use(const struct url_state *state)
{
    return state->under_way > 0 || state->marks > 0;
}

/* Returns the place that the address has, had, or can have. NULL: all others are in use. */
static struct url_state *find_place(struct url_backends *b, size_t i,
                                    const struct endpoint *address)
{
    for (size_t n = 0; n < b->health->used; n++) {
        if (is_of(place(b, i, n), address))
            return place(b, i, n);
    }
    for (size_t n = 0; n < b->places; n++) {
        struct url_state *state = place(b, i, n);

        if (is_unresolved(state)) /* its failures stay: its requests went to this address, too */
            return state;
        if (!state->is_gone || is_in_use(state))
            continue;
        if (n >= b->health->used)
            b->health->used = n + 1;
        *state = (struct url_state){.is_gone = true};
        return state;
    }
    return NULL;
}

static bool add_all(struct url_backends *b, size_t i, const struct http_addresses *known)
{
    bool have_all_places = true;

    for (size_t k = 0; k < known->count; k++) {
        struct url_state *state = find_place(b, i, &known->list[k]);

        have_all_places &= state != NULL;
        if (state == NULL)
            continue;
        state->address = known->list[k];
        state->has_address = true;
        state->is_gone = false;
    }
    return have_all_places;
}

/* Lets a URL whose name has lost all addresses be one place again. */
static void become_unresolved(struct url_backends *b, size_t i)
{
    struct url_state *state = place(b, i, 0);

    state->has_address = state->is_gone = false;
}

void url_places_follow(struct url_backends *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct http_addresses known = http_site_addresses(b->sites->items[i]);

        if (known.generation == b->items[i].generation)
            continue;
        remove_gone(b, i, &known);
        if (known.count == 0)
            become_unresolved(b, i);
        if (add_all(b, i, &known))
            b->items[i].generation = known.generation;
    }
}

size_t url_places_end(const struct url_backends *b)
{
    return b->count * b->health->used;
}

size_t url_places_find(const struct url_backends *b, size_t at, size_t end,
                       const struct endpoint *address)
{
    for (size_t i = at % b->count; i < end; i += b->count) {
        if (!b->health->of[i].is_gone && is_of(&b->health->of[i], address))
            return i;
    }
    return at;
}

const char *url_places_print(const struct url_backends *b, size_t at,
                             char text[URL_PLACE_TEXT_BYTES])
{
    const struct url_state *state = &b->health->of[at];
    const char *base = url_template_base(url_backends_at(b, at)->template);
    char address[ENDPOINT_TEXT_BYTES];

    if (!state->has_address)
        return base;
    snprintf(text, URL_PLACE_TEXT_BYTES, "%s at %s", base,
             endpoint_print(&state->address, address));
    return text;
}
