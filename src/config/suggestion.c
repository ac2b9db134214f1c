#include "podop/suggestion.h"

#include "podop/span.h"

#include <ctype.h>

enum {
    WORD_BYTES_MAX = 64, /* longer than any known name */
    DISTANCE_MAX = 2,
};

static int lower(char c)
{
    return tolower((unsigned char)c);
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Computes the optimal string alignment distance with three rows of the usual matrix: swaps look
 * two rows back. */
size_t edit_distance(const char *a, const char *b, size_t limit)
{
    size_t rows[3][WORD_BYTES_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > WORD_BYTES_MAX || b_len > WORD_BYTES_MAX)
        return limit + 1;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            bool is_same = lower(a[i - 1]) == lower(b[j - 1]);

            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + (is_same ? 0 : 1));
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]) && two_above[j - 2] + 1 < row[j])
                row[j] = two_above[j - 2] + 1;
        }
    }
    return rows[a_len % 3][b_len] > limit ? limit + 1 : rows[a_len % 3][b_len];
}

void suggestion_offer(struct suggestion *suggestion, const char *name)
{
    size_t len = strlen(suggestion->word) < strlen(name) ? strlen(suggestion->word) : strlen(name);
    size_t limit = len < 2 ? 0 : len < 5 ? 1 : DISTANCE_MAX; /* "ttl" is not a typo of "url" */
    size_t distance = edit_distance(suggestion->word, name, limit);

    if (distance > limit || (suggestion->best != NULL && distance >= suggestion->distance))
        return;
    suggestion->best = name;
    suggestion->distance = distance;
}
