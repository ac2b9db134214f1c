/* program_table.c - tables that a co-process answers: any program that reads and writes lines of
 * JSON. */
#include "program_table.h"
#include "table/identity.h"

#include "podop/coprocess.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct program_fetch {
    struct fetch base;
    struct program_request request;
};

static struct program_fetch *program_fetch_of(struct program_request *request)
{
    return CONTAINER_OF(request, struct program_fetch, request);
}

static int program_table_check_param(const struct table_config *config, const char *param,
                                     struct error *err)
{
    struct shell_words words;

    if (!span_is_utf8(span_of(config->name)))
        return error_set(err, ERR_CONFIG, "the name of a program table must be valid UTF-8");
    if (shell_words_split(&words, param, err) == -1)
        return -1;
    shell_words_free(&words);
    return 0;
}

/* A name without a slash is looked for in the usual directories. */
static char *program_table_file(const char *param, enum path_need *need)
{
    struct error ignored = {0};
    struct shell_words words;
    char *file;

    if (shell_words_split(&words, param, &ignored) == -1)
        return NULL;
    *need = PATH_RUN;
    file = strchr(words.items[0], '/') == NULL ? NULL : xstrdup(words.items[0]);
    shell_words_free(&words);
    return file;
}

static size_t program_table_descriptors(const struct table_config *config)
{
    const struct program_settings *settings = config->settings;

    return COPROCESS_DESCRIPTORS * settings->processes;
}

static bool is_program(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* In the directories where podop-program(7) says that programs are looked for. */
static char *search(const char *name)
{
    static const char *const directories[] = {
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    };
    char path[4096];

    for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
        int len = snprintf(path, sizeof(path), "%s/%s", directories[i], name);

        if (len < (int)sizeof(path) && is_program(path))
            return xstrdup(path);
    }
    return NULL;
}

/* The path of the program, to be freed; or NULL. */
static char *find_program(const char *name, struct error *err)
{
    char *found;

    if (strchr(name, '/') == NULL) {
        found = search(name);
        if (found == NULL)
            error_set(err, ERR_CONFIG, "no program %.200s in any of the usual directories", name);
        return found;
    }
    if (name[0] != '/') {
        error_set(err, ERR_CONFIG, "%.200s: neither an absolute path nor a bare name", name);
        return NULL;
    }
    if (is_program(name))
        return xstrdup(name);
    if (access(name, X_OK) == -1)
        error_errno(err, "%.200s", name);
    else
        error_set(err, ERR_CONFIG, "%.200s: not a regular file", name);
    return NULL;
}

static int program_table_init(struct table *table, const struct table_config *config,
                              struct error *err)
{
    struct shell_words words;
    char *path;

    if (shell_words_split(&words, config->param, err) == -1)
        return -1;
    path = find_program(words.items[0], err);
    if (path == NULL) {
        shell_words_free(&words);
        return -1;
    }
    program_table_of(table)->set = program_set_new(table, config->settings, &words, path);
    return 0;
}

static void program_table_deinit(struct table *table)
{
    program_set_free(&program_table_of(table)->set);
}

bool program_can_ask(const struct table_key *key)
{
    return span_is_utf8(key->key) && (!key->is_private || span_is_utf8(key->user));
}

struct span program_reason(const struct table *table, const struct program_answer *answer,
                           char text[TABLE_REASON_BYTES])
{
    struct buf why;
    struct span reason;

    buf_init(&why, SIZE_MAX);
    if (answer->reason.ptr == NULL)
        buf_add(&why, SPAN("the program gave no reason"));
    else
        json_add_text(&why, answer->reason);
    reason = buf_span(&why);
    reason = table_reason(table, text, "%.*s",
                          reason.len < TABLE_REASON_BYTES ? (int)reason.len : TABLE_REASON_BYTES,
                          reason.len == 0 ? "" : reason.ptr);
    buf_deinit(&why);
    return reason;
}

static void fail(struct program_fetch *f, enum reply_status status, struct span why)
{
    char text[TABLE_REASON_BYTES];

    fetch_finish(&f->base, &(struct reply){.status = status,
                                           .reason = table_reason(f->base.table, text, "%.*s",
                                                                  (int)why.len, why.ptr)});
}

static void add_line(struct program_request *request, uint64_t id, struct buf *out)
{
    const struct program_fetch *f = program_fetch_of(request);

    program_add_get(out, id, f->base.table->name, &f->base.key);
}

static void answer_value(struct program_fetch *f, struct span value)
{
    struct reply reply;
    struct buf scratch;

    if (value.ptr == NULL) {
        fail(f, REPLY_TEMPORARY, SPAN("the program found the key, but its answer has no value"));
        return;
    }
    if (json_reply_plain(value, &reply)) {
        fetch_finish(&f->base, &reply);
        return;
    }
    buf_init(&scratch, SIZE_MAX);
    json_reply(value, &scratch, &reply);
    fetch_finish(&f->base, &reply);
    buf_deinit(&scratch);
}

static void on_answer(struct program_request *request, const struct program_answer *answer)
{
    struct program_fetch *f = program_fetch_of(request);
    struct reply reply = {.status = REPLY_MISS};
    char text[TABLE_REASON_BYTES];

    switch (answer->status) {
    case PROGRAM_OK: answer_value(f, answer->value); return;
    case PROGRAM_MISS: break;
    case PROGRAM_UNCERTAIN:
    case PROGRAM_TEMPORARY: reply.status = REPLY_TEMPORARY; break;
    case PROGRAM_PERMANENT: reply.status = REPLY_PERMANENT; break;
    }
    if (reply.status != REPLY_MISS)
        reply.reason = program_reason(f->base.table, answer, text);
    fetch_finish(&f->base, &reply);
}

static void on_failure(struct program_request *request, enum program_failure failure,
                       struct span reason)
{
    fail(program_fetch_of(request), failure == PROGRAM_OVERDUE ? REPLY_TIMEOUT : REPLY_TEMPORARY,
         reason);
}

static void program_table_start(struct fetch *fetch)
{
    static const struct program_request_ops ops = {
        .may_ask_again = true, .add = add_line, .answered = on_answer, .failed = on_failure};
    struct program_fetch *f = CONTAINER_OF(fetch, struct program_fetch, base);
    const char *reason;

    if (!program_can_ask(&fetch->key)) {
        fetch_finish(fetch, &(struct reply){.status = REPLY_MISS});
        return;
    }
    f->request.ops = &ops;
    f->request.deadline_at_ms = fetch->deadline_at_ms;
    f->request.key = program_key(program_set_of(fetch->table), &fetch->key);
    if (!program_ask(program_set_of(fetch->table), &f->request, &reason))
        fail(f, REPLY_TEMPORARY, span_of(reason));
    else
        fetch_format(fetch, "process", "pid %ld", program_pid(&f->request));
}

/* It gets user and key apart from each other. */
static bool program_table_identify(struct table *table, const struct table_key *key,
                                   struct identity *identity)
{
    (void)table;
    identity_split(identity, key);
    return true;
}

static void program_table_add_stats(struct table *table, struct buf *out)
{
    program_set_add_stats(program_set_of(table), out);
}

static void program_table_cancel(struct fetch *fetch)
{
    program_abandon(&CONTAINER_OF(fetch, struct program_fetch, base)->request, "cancel");
}

const struct table_ops table_program = {
    .config =
        {
            .name = "program",
            .param_doc = "its command line",
            .settings_bytes = sizeof(struct program_settings),
            .settings = &program_settings,
            .can_write = true,
            .check_param = program_table_check_param,
            .param_file = program_table_file,
        },
    .size = sizeof(struct program_table),
    .fetch_bytes = sizeof(struct program_fetch),
    .init = program_table_init,
    .deinit = program_table_deinit,
    .descriptors = program_table_descriptors,
    .identify = program_table_identify,
    .add_stats = program_table_add_stats,
    .start = program_table_start,
    .cancel = program_table_cancel,
    .change_fault = program_table_change_fault,
    .commit_bytes = sizeof(struct program_commit),
    .commit = program_table_commit,
    .abort_commit = program_table_abort_commit,
    .iteration_bytes = sizeof(struct program_iteration),
    .go_on = program_table_go_on,
    .stop = program_table_stop,
};
