#include "questions.h"

#include "podop/mem.h"
#include "podop/netstring.h"
#include "podop/tabline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ORDER_COUNT = 1 << 18 };

void questions_hello(const struct questions_config *config, struct buf *out)
{
    if (config->protocol != BENCH_DICT)
        return;
    buf_add(out, SPAN("H3\t2\t0\t\t"));
    tabline_escape(out, span_of(config->table));
    buf_add_char(out, '\n');
}

/* Returns a copy of the buffer and empties it. */
static struct span keep(struct buf *text)
{
    struct span kept = {xmemdup0(text->ptr, text->len), text->len};

    buf_clear(text);
    return kept;
}

static void make_socketmap(struct question *q, const struct questions_config *config,
                           struct span key, struct buf *text)
{
    struct buf head;

    buf_init(&head, SIZE_MAX);
    buf_add(&head, span_of(config->table));
    buf_add_char(&head, ' ');
    netstring_add(text, buf_span(&head), key);
    q->request = keep(text);
    buf_clear(&head);
    buf_add(&head, SPAN("OK "));
    buf_add(&head, span_of(config->prefix));
    netstring_add(text, buf_span(&head), key);
    q->reply = keep(text);
    buf_deinit(&head);
}

static void make_dict(struct question *q, const struct questions_config *config, struct span key,
                      struct buf *text)
{
    buf_add(text, SPAN("Lshared/"));
    tabline_escape(text, key);
    buf_add(text, SPAN("\tbench@example.com\n"));
    q->request = keep(text);
    buf_add_char(text, 'O');
    tabline_escape(text, span_of(config->prefix));
    tabline_escape(text, key);
    buf_add_char(text, '\n');
    q->reply = keep(text);
}

static void make_items(struct questions *q, const struct questions_config *config)
{
    struct buf text;

    buf_init(&text, SIZE_MAX);
    q->items = xcalloc(config->keys, sizeof(*q->items));
    for (q->count = 0; q->count < config->keys; q->count++) {
        struct question *item = &q->items[q->count];
        char key[64];
        int len = snprintf(key, sizeof(key), "user%06zu@bench.example", q->count);

        if (config->protocol == BENCH_DICT)
            make_dict(item, config, (struct span){key, (size_t)len}, &text);
        else
            make_socketmap(item, config, (struct span){key, (size_t)len}, &text);
    }
    buf_deinit(&text);
}

/* splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. The
 * same numbers in each run. */
static double next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0; /* 2^53 */
}

/* sums[i]: the share of questions for keys up to i. */
static double *make_sums(size_t keys, double zipf)
{
    double *sums = xcalloc(keys, sizeof(*sums));
    double sum = 0.0;

    for (size_t i = 0; i < keys; i++)
        sums[i] = sum += pow((double)(i + 1), -zipf);
    for (size_t i = 0; i < keys; i++)
        sums[i] /= sum;
    return sums;
}

static size_t find_sum(const double *sums, size_t keys, double wanted)
{
    size_t low = 0, high = keys - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (sums[middle] > wanted)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void make_order(struct questions *q, const struct questions_config *config)
{
    double *sums = config->in_turn ? NULL : make_sums(q->count, config->zipf);
    uint64_t state = 1;

    q->order_count = config->in_turn ? q->count : ORDER_COUNT;
    q->order = xcalloc(q->order_count, sizeof(*q->order));
    for (size_t i = 0; i < q->order_count; i++)
        q->order[i] = (uint32_t)(sums == NULL ? i : find_sum(sums, q->count, next_random(&state)));
    free(sums);
}

struct questions *questions_new(const struct questions_config *config)
{
    struct questions *q = xcalloc(1, sizeof(*q));

    q->protocol = config->protocol;
    make_items(q, config);
    make_order(q, config);
    return q;
}

static void free_span(struct span span)
{
    char *bytes = (char *)(uintptr_t)span.ptr; /* keep() allocated it */

    free(bytes);
}

void questions_free(struct questions **pquestions)
{
    struct questions *q = *pquestions;

    if (q == NULL)
        return;
    *pquestions = NULL;
    for (size_t i = 0; i < q->count; i++) {
        free_span(q->items[i].request);
        free_span(q->items[i].reply);
    }
    free(q->items);
    free(q->order);
    free(q);
}
