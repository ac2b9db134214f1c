#include "pipeline.h"

#include "replies.h"

#include <unistd.h>

enum {
    WINDOW_QUERIES = 64,           /* in flight; podop handles at most so many of one client */
    UNSENT_BYTES_MAX = 256 * 1024, /* encoded queries: with more, no query is added */
};

struct pending {
    struct buf key, text; /* copies */
    uint32_t id;          /* announced by podop; 0: none */
    bool is_answered;
    enum reply_status status;
};

struct pipeline {
    const struct client_protocol *protocol;
    struct query *query;
    struct keys *keys;
    struct output *output;
    struct channel channel;
    struct buf scratch;
    struct pending window[WINDOW_QUERIES]; /* a ring, in the order of the keys */
    size_t first, count;
    size_t unanswered; /* of count */
    uint32_t number;   /* of the last query, from 1 */
    enum keys_state keys_state;
};

static struct pending *pending_at(struct pipeline *a, size_t i)
{
    return &a->window[(a->first + i) % WINDOW_QUERIES];
}

static void add_query(struct pipeline *a, struct span key)
{
    struct pending *p = pending_at(a, a->count++);

    p->id = 0;
    p->is_answered = false;
    buf_clear(&p->key);
    buf_add(&p->key, key);
    a->query->key = key;
    a->unanswered++;
    a->protocol->encode(&a->channel.out, a->query, ++a->number);
}

/* Adds queries while there are keys and room. After KEYS_BAD, which fills err, it adds no more. */
static void add_queries(struct pipeline *a, struct error *err)
{
    struct span key;

    while (a->count < WINDOW_QUERIES && a->channel.out.len < UNSENT_BYTES_MAX &&
           (a->keys_state == KEYS_READY || a->keys_state == KEYS_WAIT)) {
        a->keys_state = keys_next(a->keys, &key, err);
        if (a->keys_state != KEYS_READY)
            return;
        add_query(a, key);
    }
}

/* Finds the unanswered query that reply is for: the one with its id, or else the oldest. An id is
 * announced for the oldest query without one. Returns NULL if there is none. */
static struct pending *find_pending(struct pipeline *a, const struct decoded_reply *reply)
{
    for (size_t i = 0; i < a->count; i++) {
        struct pending *p = pending_at(a, i);
        bool is_meant =
            reply->kind == DECODED_ID ? p->id == 0 : reply->id == 0 || p->id == reply->id;

        if (!p->is_answered && is_meant)
            return p;
    }
    return NULL;
}

static bool take(void *arg, const struct decoded_reply *reply)
{
    struct pipeline *a = arg;
    struct pending *p = find_pending(a, reply);

    if (p == NULL)
        return false;
    if (reply->kind == DECODED_ID) {
        p->id = reply->id;
        return true;
    }
    p->is_answered = true;
    p->status = reply->status;
    buf_clear(&p->text);
    buf_add(&p->text, reply->text);
    a->unanswered--;
    return reply->kind == DECODED_ANSWER;
}

static void print_answers(struct pipeline *a)
{
    while (a->count > 0 && a->window[a->first].is_answered) {
        struct pending *p = &a->window[a->first];

        output_answer(a->output, buf_span(&p->key), p->status, buf_span(&p->text));
        buf_deinit(&p->text);
        a->first = (a->first + 1) % WINDOW_QUERIES;
        a->count--;
    }
}

static int read_replies(struct pipeline *a, struct error *err)
{
    const int status =
        replies_decode(&a->channel, a->protocol, a->query->operation, &a->scratch, take, a, err);

    print_answers(a);
    return status;
}

/* Waits for the peer or for more keys on standard input. */
static int wait_for_input(struct pipeline *a, struct error *err)
{
    bool has_room = a->count < WINDOW_QUERIES && a->channel.out.len < UNSENT_BYTES_MAX;
    bool wants_keys = has_room && a->keys_state == KEYS_WAIT;
    bool is_input_ready;

    if (output_flush(err) == -1 ||
        channel_wait(&a->channel, a->unanswered > 0, wants_keys ? STDIN_FILENO : -1,
                     &is_input_ready, err) == -1)
        return -1;
    return is_input_ready ? keys_fill(a->keys, err) : 0;
}

/* Runs until all answers are printed. Queries before a bad key are still answered; bad keeps the
 * reason of the bad key until then. */
static enum exit_status run(struct pipeline *a)
{
    enum exit_status status = EXIT_FOUND;
    struct error err = {0}, bad = {0};
    int result = 0;

    while (result == 0) {
        add_queries(a, &bad);
        if (a->count == 0 && (a->keys_state == KEYS_END || a->keys_state == KEYS_BAD))
            break;
        result = wait_for_input(a, &err);
        if (result == 0)
            result = read_replies(a, &err);
    }
    if (result == 0)
        result = output_flush(&err);
    if (result == -1)
        status = output_fault(&err, EXIT_FAILED);
    if (bad.kind != ERR_NONE)
        status = output_fault(&bad, EXIT_USAGE);
    return exit_worse(status, a->output->status);
}

const struct client_protocol *client_protocol_for(const struct options *o, enum operation operation)
{
    bool is_dovecot = o->as == AS_DOVECOT ||
                      (o->as == AS_UNSAID && (operation != OPERATION_GET || o->user != NULL));

    return is_dovecot ? &dovecot_protocol : &postfix_protocol;
}

enum exit_status pipeline_run(const struct options *options, struct query *query, struct keys *keys,
                              struct output *output)
{
    struct error err = {0};
    enum exit_status status;
    struct pipeline a = {
        .protocol = client_protocol_for(options, query->operation),
        .query = query,
        .keys = keys,
        .output = output,
        .keys_state = KEYS_READY,
    };

    buf_init(&a.scratch, CHANNEL_REPLY_BYTES_MAX);
    for (size_t i = 0; i < WINDOW_QUERIES; i++) {
        buf_init(&a.window[i].key, KEY_BYTES_MAX);
        buf_init(&a.window[i].text, CHANNEL_REPLY_BYTES_MAX);
    }
    if (channel_open(&a.channel, options->where, "listen", options->timeout_ms, &err) == -1) {
        status = output_fault(&err, EXIT_FAILED);
    } else {
        if (a.protocol->hello != NULL)
            a.protocol->hello(&a.channel.out, query->table);
        status = run(&a);
    }
    channel_close(&a.channel);
    for (size_t i = 0; i < WINDOW_QUERIES; i++) {
        buf_deinit(&a.window[i].key);
        buf_deinit(&a.window[i].text);
    }
    buf_deinit(&a.scratch);
    return status;
}
