#include "ask.h"

#include "channel.h"

#include <unistd.h>

enum {
    WINDOW_QUESTIONS = 64,         /* under way; podop takes no more of one client at a time */
    UNSENT_BYTES_MAX = 256 * 1024, /* of questions: no more are made */
};

struct pending {
    struct buf key, text; /* copies */
    uint32_t id;          /* given by podop; 0: none */
    bool is_answered;
    enum reply_status status;
};

/* What goes on between the first key and the last answer. */
struct asking {
    const struct speaker *speaker;
    struct question *question;
    struct keys *keys;
    struct output *output;
    struct channel channel;
    struct buf scratch;
    struct pending window[WINDOW_QUESTIONS]; /* a ring, in the order of the keys */
    size_t first, count;
    size_t owed;     /* of count, those without an answer */
    uint32_t number; /* of the last question */
    enum keys_state keys_state;
};

static struct pending *pending_at(struct asking *a, size_t i)
{
    return &a->window[(a->first + i) % WINDOW_QUESTIONS];
}

static void add_question(struct asking *a, struct span key)
{
    struct pending *p = pending_at(a, a->count++);

    p->id = 0;
    p->is_answered = false;
    buf_clear(&p->key);
    buf_add(&p->key, key);
    a->question->key = key;
    a->owed++;
    a->speaker->ask(&a->channel.out, a->question, ++a->number);
}

/* As many questions as there are keys at hand, and room. After KEYS_BAD, with err, no more come. */
static void add_questions(struct asking *a, struct error *err)
{
    struct span key;

    while (a->count < WINDOW_QUESTIONS && a->channel.out.len < UNSENT_BYTES_MAX &&
           (a->keys_state == KEYS_READY || a->keys_state == KEYS_WAIT)) {
        a->keys_state = keys_next(a->keys, &key, err);
        if (a->keys_state != KEYS_READY)
            return;
        add_question(a, key);
    }
}

/* The question that heard is about: that with its id, or the oldest (that has no id yet, when it is
 * to get one). NULL: there is none. */
static struct pending *find_pending(struct asking *a, const struct heard *heard)
{
    for (size_t i = 0; i < a->count; i++) {
        struct pending *p = pending_at(a, i);
        bool is_meant = heard->kind == HEARD_ID ? p->id == 0 : heard->id == 0 || p->id == heard->id;

        if (!p->is_answered && is_meant)
            return p;
    }
    return NULL;
}

static bool take(struct asking *a, const struct heard *heard)
{
    struct pending *p = find_pending(a, heard);

    if (p == NULL)
        return false;
    if (heard->kind == HEARD_ID) {
        p->id = heard->id;
        return true;
    }
    p->is_answered = true;
    p->status = heard->status;
    buf_clear(&p->text);
    buf_add(&p->text, heard->text);
    a->owed--;
    return heard->kind == HEARD_ANSWER;
}

static void print_answers(struct asking *a)
{
    while (a->count > 0 && a->window[a->first].is_answered) {
        struct pending *p = &a->window[a->first];

        output_answer(a->output, buf_span(&p->key), p->status, buf_span(&p->text));
        buf_deinit(&p->text);
        a->first = (a->first + 1) % WINDOW_QUESTIONS;
        a->count--;
    }
}

static int hear_all(struct asking *a, struct error *err)
{
    struct span rest = buf_span(&a->channel.in);
    enum parse parsed = PARSE_DONE;

    while (parsed == PARSE_DONE && rest.len > 0) {
        struct heard heard;
        size_t used;

        parsed = a->speaker->hear(rest, a->question->operation, &a->scratch, &heard, &used);
        if (parsed == PARSE_DONE && !take(a, &heard))
            parsed = PARSE_BAD;
        if (parsed == PARSE_DONE)
            rest = span_skip(rest, used);
    }
    buf_drop(&a->channel.in, a->channel.in.len - rest.len);
    print_answers(a);
    if (parsed == PARSE_BAD)
        return error_set(err, ERR_INPUT, "what answers on %s is no podop", a->channel.where);
    return 0;
}

static int wait_for_news(struct asking *a, struct error *err)
{
    bool has_room = a->count < WINDOW_QUESTIONS && a->channel.out.len < UNSENT_BYTES_MAX;
    bool wants_keys = has_room && a->keys_state == KEYS_WAIT;
    bool is_input_ready;

    if (output_flush(err) == -1 ||
        channel_wait(&a->channel, a->owed > 0, wants_keys ? STDIN_FILENO : -1, &is_input_ready,
                     err) == -1)
        return -1;
    return is_input_ready ? keys_fill(a->keys, err) : 0;
}

/* Answers to what was asked before a bad key are waited for: bad holds why it is one. */
static enum exit_status run(struct asking *a)
{
    enum exit_status status = EXIT_FOUND;
    struct error err = {0}, bad = {0};
    int result = 0;

    while (result == 0) {
        add_questions(a, &bad);
        if (a->count == 0 && (a->keys_state == KEYS_END || a->keys_state == KEYS_BAD))
            break;
        result = wait_for_news(a, &err);
        if (result == 0)
            result = hear_all(a, &err);
    }
    if (result == 0)
        result = output_flush(&err);
    if (result == -1)
        status = output_fault(&err, EXIT_FAILED);
    if (bad.kind != ERR_NONE)
        status = output_fault(&bad, EXIT_USAGE);
    return exit_worse(status, a->output->status);
}

const struct speaker *ask_speaker(const struct options *o, enum operation operation)
{
    bool is_dovecot = o->as == AS_DOVECOT ||
                      (o->as == AS_UNSAID && (operation != OPERATION_GET || o->user != NULL));

    return is_dovecot ? &speaker_dovecot : &speaker_postfix;
}

enum exit_status ask_keys(const struct options *options, struct question *question,
                          struct keys *keys, struct output *output)
{
    struct error err = {0};
    enum exit_status status;
    struct asking a = {
        .speaker = ask_speaker(options, question->operation),
        .question = question,
        .keys = keys,
        .output = output,
        .keys_state = KEYS_READY,
    };

    buf_init(&a.scratch, SIZE_MAX);
    for (size_t i = 0; i < WINDOW_QUESTIONS; i++) {
        buf_init(&a.window[i].key, SIZE_MAX);
        buf_init(&a.window[i].text, SIZE_MAX);
    }
    if (channel_open(&a.channel, options->where, options->timeout_ms, &err) == -1) {
        status = output_fault(&err, EXIT_FAILED);
    } else {
        if (a.speaker->greet != NULL)
            a.speaker->greet(&a.channel.out, question->table);
        status = run(&a);
    }
    channel_close(&a.channel);
    for (size_t i = 0; i < WINDOW_QUESTIONS; i++) {
        buf_deinit(&a.window[i].key);
        buf_deinit(&a.window[i].text);
    }
    buf_deinit(&a.scratch);
    return status;
}
