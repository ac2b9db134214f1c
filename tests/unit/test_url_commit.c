#include "url_case.h"

#include "table/url/url_commit.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, setup, url_case_teardown)
#define STATUS(status) TEXT("HTTP/1.1 " status " X\r\nContent-Length: 0\r\n\r\n")

static const struct backend_script script[] = {
    {"/201", STATUS("201"), false},
    {"/204", TEXT("HTTP/1.1 204 X\r\n\r\n"), false},
    {"/301", STATUS("301"), false},
    {"/403", STATUS("403"), false},
    {"/404", STATUS("404"), false},
    {"/429", STATUS("429"), false},
    {"/500", STATUS("500"), false},
    {"/502", STATUS("502"), false},
    {"/503", STATUS("503"), false},
    {"/504", STATUS("504"), false},
    {"/own", TEXT("HTTP/1.1 404 X\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"),
     false},
    {"/told", TEXT("HTTP/1.1 200 X\r\nContent-Length: 18\r\n\r\n{\"e\":\"db is down\"}"), false},
    {"/told201", TEXT("HTTP/1.1 201 X\r\nContent-Length: 18\r\n\r\n{\"e\":\"db is down\"}"), false},
    {"/told404", TEXT("HTTP/1.1 404 X\r\nContent-Length: 18\r\n\r\n{\"e\":\"db is down\"}"), false},
    {"/fine", TEXT("HTTP/1.1 200 X\r\nContent-Length: 8\r\n\r\n{\"e\":[]}"), false},
    {"/text", TEXT("HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\nok"), false},
    {"/gzip", TEXT("HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"),
     false},
};

struct writer {
    struct transaction *transaction;
    struct commit *running; /* NULL: no commit is under way */
    size_t received;
    unsigned answers;
    enum reply_status status;
    char reason[300];
};

static int setup(void **state)
{
    return url_case_setup_script(state, script, ARRAY_LEN(script));
}

static void on_done(void *arg, const struct reply *reply)
{
    struct writer *w = arg;

    w->answers++;
    w->received = w->running == NULL ? 0 : w->running->changes_sent;
    w->status = reply->status;
    snprintf(w->reason, sizeof(w->reason), "%.*s", (int)reply->reason.len,
             reply->reason.len == 0 ? "" : reply->reason.ptr);
}

static void add(struct writer *w, enum change_kind kind, const char *key)
{
    const struct change change = {
        .kind = kind, .key = {.key = span_of(key)}, .value = SPAN("v"), .increment = 1};

    if (w->transaction == NULL)
        w->transaction = transaction_new(SPAN("bob"));
    transaction_add(w->transaction, &change);
}

static void commit(struct url_case *c, struct url_table *t, struct writer *w)
{
    table_commit(&t->base, w->transaction, on_done, w);
    URL_CASE_WAIT(c, w->answers > 0);
    assert_int_equal(w->answers, 1);
    transaction_free(&w->transaction);
}

static struct url_table *open_with(struct url_case *c, const char *commit_url)
{
    const struct url_settings config = {.commit_url = (char *)(uintptr_t)commit_url};

    return url_case_open(c, &config, (const char *const[URL_CASE_URLS_MAX]){"BACKEND/§"});
}

/* The status of each kind of change, made alone or by commit_url as a whole. */
static void test_statuses(void **state)
{
    enum { SET = 1 << CHANGE_SET, UNSET = 1 << CHANGE_UNSET, INC = 1 << CHANGE_INCREMENT };
    static const struct {
        const char *status;
        unsigned kinds;
        bool is_whole; /* the transaction goes to commit_url */
        enum reply_status expected;
    } cases[] = {
        {"200", SET | UNSET | INC, false, REPLY_FOUND},
        {"201", SET | UNSET | INC, false, REPLY_FOUND},
        {"204", SET | UNSET | INC, false, REPLY_FOUND},
        {"301", SET | UNSET | INC, false, REPLY_TEMPORARY},
        {"403", SET | UNSET | INC, false, REPLY_TEMPORARY},
        {"404", SET, false, REPLY_TEMPORARY},
        {"404", UNSET, false, REPLY_FOUND},
        {"404", INC, false, REPLY_MISS},
        {"404", SET | UNSET, true, REPLY_TEMPORARY},
        {"404", INC, true, REPLY_MISS},
        {"429", SET | UNSET | INC, false, REPLY_TEMPORARY},
        {"500", SET | UNSET | INC, false, REPLY_TEMPORARY},
        {"502", SET | UNSET | INC, false, REPLY_UNCERTAIN},
        {"503", SET | UNSET | INC, true, REPLY_UNCERTAIN},
        {"504", SET | UNSET | INC, true, REPLY_UNCERTAIN},
        {"drop", SET | UNSET | INC, false, REPLY_UNCERTAIN},
        {"drop", SET | UNSET | INC, true, REPLY_UNCERTAIN},
    };
    struct url_case *c = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (unsigned kind = CHANGE_SET; kind <= CHANGE_INCREMENT; kind++) {
            char commit_url[50];
            struct url_table *t;
            struct writer w = {0};

            if ((cases[i].kinds >> kind & 1) == 0)
                continue;
            snprintf(commit_url, sizeof(commit_url), "BACKEND/%s", cases[i].status);
            t = open_with(c, cases[i].is_whole ? commit_url : NULL);
            c->backend.requests = 0;
            add(&w, (enum change_kind)kind, cases[i].is_whole ? "k" : cases[i].status);
            commit(c, t, &w);
            if (w.status != cases[i].expected)
                fail_msg("%s, kind %u, whole %d: %s: %s", cases[i].status, kind, cases[i].is_whole,
                         reply_status_name(w.status), w.reason);
            assert_int_equal(c->backend.requests, 1);
            url_case_close(t);
        }
    }
}

static void test_strict_and_error(void **state)
{
    enum { SET = 1 << CHANGE_SET, UNSET = 1 << CHANGE_UNSET, INC = 1 << CHANGE_INCREMENT };
    static const struct {
        const char *key;
        unsigned kinds;
        bool is_whole, is_strict;
        const char *error;
        enum reply_status expected;
        const char *reason; /* a part of it */
    } cases[] = {
        {"404", UNSET, false, true, NULL, REPLY_TEMPORARY,
         "404 without Content-Type, which is not"},
        {"404", INC, false, true, NULL, REPLY_TEMPORARY, "(strict)"},
        {"404", INC, true, true, NULL, REPLY_TEMPORARY, "(strict)"},
        {"404", SET, false, true, NULL, REPLY_TEMPORARY, "(strict)"},
        {"own", UNSET, false, true, NULL, REPLY_FOUND, ""},
        {"own", INC, false, true, NULL, REPLY_MISS, ""},
        {"own", INC, true, true, NULL, REPLY_MISS, ""},
        {"own", SET, false, true, NULL, REPLY_TEMPORARY, "status 404"},
        {"201", SET | UNSET | INC, false, true, NULL, REPLY_FOUND, ""},
        {"503", SET, false, true, NULL, REPLY_UNCERTAIN, "status 503"},
        {"told", SET | UNSET | INC, false, false, NULL, REPLY_FOUND, ""},
        {"told", SET | UNSET | INC, false, false, "/e", REPLY_TEMPORARY, "at /e: db is down"},
        {"told201", SET | UNSET | INC, false, false, "/e", REPLY_TEMPORARY, "at /e: db is down"},
        {"told", SET | UNSET | INC, true, false, "/e", REPLY_TEMPORARY, "at /e: db is down"},
        {"told", SET, false, false, "/f", REPLY_FOUND, ""},
        {"told404", UNSET, false, false, "/e", REPLY_FOUND, ""},
        {"fine", SET | UNSET | INC, false, true, "/e", REPLY_FOUND, ""},
        {"text", SET | UNSET | INC, false, true, "/e", REPLY_FOUND, ""},
        {"204", SET | UNSET | INC, false, true, "/e", REPLY_FOUND, ""},
        {"gzip", SET, false, true, NULL, REPLY_FOUND, ""},
        {"gzip", SET | UNSET | INC, false, false, "/e", REPLY_UNCERTAIN, "Content-Encoding gzip"},
        {"gzip", SET | UNSET | INC, true, false, "/e", REPLY_UNCERTAIN, "Content-Encoding gzip"},
    };
    struct url_case *c = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (unsigned kind = CHANGE_SET; kind <= CHANGE_INCREMENT; kind++) {
            char commit_url[50];
            const struct url_settings config = {.commit_url = cases[i].is_whole ? commit_url : NULL,
                                                .error = (char *)(uintptr_t)cases[i].error,
                                                .strict = cases[i].is_strict};
            struct url_table *t;
            struct writer w = {0};

            if ((cases[i].kinds >> kind & 1) == 0)
                continue;
            snprintf(commit_url, sizeof(commit_url), "BACKEND/%s", cases[i].key);
            t = url_case_open(c, &config, (const char *const[URL_CASE_URLS_MAX]){"BACKEND/§"});
            c->backend.requests = 0;
            add(&w, (enum change_kind)kind, cases[i].is_whole ? "k" : cases[i].key);
            commit(c, t, &w);
            if (w.status != cases[i].expected || strstr(w.reason, cases[i].reason) == NULL)
                fail_msg("case %zu, %s, kind %u: %s: %s", i, cases[i].key, kind,
                         reply_status_name(w.status), w.reason);
            assert_int_equal(c->backend.requests, 1);
            url_case_close(t);
        }
    }
}

/* A miss of an increment is reported at the end, and says nothing about the changes after it. */
static void test_increment_of_nothing_among_others(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = open_with(c, NULL);
    struct writer good = {0}, bad = {0};

    add(&good, CHANGE_INCREMENT, "404");
    add(&good, CHANGE_SET, "k");
    commit(c, t, &good);
    assert_int_equal(good.status, REPLY_MISS);
    add(&bad, CHANGE_INCREMENT, "404");
    add(&bad, CHANGE_SET, "404");
    add(&bad, CHANGE_SET, "k");
    c->backend.requests = 0;
    commit(c, t, &bad);
    assert_int_equal(bad.status, REPLY_TEMPORARY);
    assert_int_equal(c->backend.requests, 2); /* the failure ends it */
    url_case_close(t);
}

static void test_what_the_backend_may_have_received(void **state)
{
    static const struct {
        const char *keys[3];
        const char *commit_url;
        size_t received;
    } cases[] = {
        {{"a", "500", "b"}, NULL, 2},         {{"a", "drop", "b"}, NULL, 2},
        {{"301", "a", "b"}, NULL, 1},         {{"a", "b", "c"}, "BACKEND/500", 3},
        {{"a", "b", "c"}, "BACKEND/drop", 3}, {{"a", "b", "c"}, "http://127.0.0.1:1/", 0},
    };
    struct url_case *c = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url_table *t = open_with(c, cases[i].commit_url);
        struct writer w = {0};

        if (cases[i].received == 0)
            t->base.timeout_ms = 1; /* there is no time for another round */
        for (size_t k = 0; k < 3; k++)
            add(&w, CHANGE_SET, cases[i].keys[k]);
        w.running = commit_through(&t->base, w.transaction, false, on_done, &w);
        URL_CASE_WAIT(c, w.answers > 0);
        if (w.received != cases[i].received)
            fail_msg("case %zu: %zu", i, w.received);
        transaction_free(&w.transaction);
        url_case_close(t);
    }
}

static void test_keys_that_cannot_be_written(void **state)
{
    static const struct {
        const char *key;
        bool is_fault, is_fault_as_a_whole;
    } cases[] = {
        {"k", false, false}, {"..", true, true}, {"\xff", false, true}, /* JSON cannot carry it */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct change change = {.kind = CHANGE_SET, .key = {.key = span_of(cases[i].key)}};
        struct url_table *alone = open_with(*state, NULL);
        struct url_table *whole = open_with(*state, "BACKEND/commit");

        if ((url_commit_change_fault(&alone->base, &change) != NULL) != cases[i].is_fault ||
            (url_commit_change_fault(&whole->base, &change) != NULL) !=
                cases[i].is_fault_as_a_whole)
            fail_msg("case %zu", i);
        url_case_close(alone);
        url_case_close(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CASE(test_statuses),
        WITH_CASE(test_strict_and_error),
        WITH_CASE(test_increment_of_nothing_among_others),
        WITH_CASE(test_what_the_backend_may_have_received),
        WITH_CASE(test_keys_that_cannot_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
