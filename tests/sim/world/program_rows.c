/* program_rows.c - iterations over the keys of a program. */
#include "buf_print.h"
#include "program_request.h"

#include <stdlib.h>
#include <string.h>

/* The rows of an iteration that were not sent yet. */
struct iteration {
    struct list_node node;
    uint64_t id;
    struct buf path;
    bool is_deep, has_values;
    size_t next; /* key of the store */
};

static bool is_row(const struct iteration *i, const struct truth_key *key)
{
    const char *name = truth_name(key);
    const size_t len = truth_name_len(key);

    return truth_now(key) != NULL && len > i->path.len &&
           memcmp(name, i->path.ptr, i->path.len) == 0 &&
           (i->is_deep || memchr(name + i->path.len, '/', len - i->path.len) == NULL);
}

static void add_row(struct program_request *r, const struct iteration *i,
                    const struct truth_key *key, bool is_first)
{
    const struct truth_value *value = truth_now(key);

    buf_print(&r->answer, is_first ? "[" : ", [");
    json_add_string(&r->answer, span_of(truth_name(key) + i->path.len));
    buf_print(&r->answer, ", ");
    buf_add(&r->answer, i->has_values ? (struct span){value->json, value->json_len} : SPAN("null"));
    buf_print(&r->answer, "]");
}

static void iteration_free(struct iteration *i)
{
    list_remove(&i->node);
    buf_deinit(&i->path);
    free(i);
}

/* Answers with some of the rows that are left; ends the iteration after the last. */
static void answer_rows(struct program_request *r, struct iteration *i)
{
    const size_t most = 1 + (size_t)sim_random(&r->program->random, 20);
    const size_t count = truth_count(r->program->truth);
    size_t rows = 0;

    program_begin_answer(r, "ok");
    buf_print(&r->answer, ", \"rows\": [");
    for (; i->next < count && rows < most; i->next++) {
        const struct truth_key *key = truth_nth(r->program->truth, i->next);

        if (is_row(i, key))
            add_row(r, i, key, rows++ == 0);
    }
    buf_print(&r->answer, "]");
    if (i->next < count)
        buf_print(&r->answer, ", \"more\": true");
    program_end_answer(r);
    if (i->next >= count)
        iteration_free(i);
}

static struct iteration *find_iteration(const struct program_request *r)
{
    const struct list *iterations = &r->worker->iterations;

    for (struct list_node *node = list_first(iterations); node != NULL;
         node = list_next(iterations, node)) {
        struct iteration *i = CONTAINER_OF(node, struct iteration, node);

        if (i->id == program_number(r->id))
            return i;
    }
    return NULL;
}

void program_iterate(struct program_request *r, struct span line)
{
    struct iteration *i = xcalloc(1, sizeof(*i));

    r->program->figures.lists++;
    i->id = program_number(r->id);
    i->is_deep = *r->recurse.ptr == 't';
    i->has_values = *r->values.ptr == 't';
    buf_init(&i->path, BUF_LIMITED_BY_INPUT);
    json_add_text(&i->path, program_member(line, "key"));
    list_append(&r->worker->iterations, &i->node);
    answer_rows(r, i);
}

void program_forget(struct worker *w)
{
    struct list_node *node;

    while ((node = list_first(&w->iterations)) != NULL)
        iteration_free(CONTAINER_OF(node, struct iteration, node));
}

void program_more(struct program_request *r)
{
    struct iteration *i = find_iteration(r);

    if (i == NULL)
        sim_broken("more of no iteration", "%.*s", (int)r->id.len, r->id.ptr);
    answer_rows(r, i);
}

void program_stop(const struct program_request *r)
{
    struct iteration *i = find_iteration(r);

    if (i != NULL)
        iteration_free(i);
}
