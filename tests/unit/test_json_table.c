#include "loop_case.h"

#include "podop/deadline.h"
#include "podop/table.h"

#include "fake_table.h"

#include <ev.h>
#include <sys/stat.h>
#include <unistd.h>

static struct table *open_path(char *path, struct error *err)
{
    char name[] = "local", type[] = "json";
    const struct table_config config = {
        .name = name, .type = type, .param = path, .timeout_ms = 1000};
    static struct log log;
    const struct table_env env = {.loop = loop, .log = &log};

    return table_open(&config, &env, err);
}

static struct table *open_content(struct span content, struct error *err)
{
    struct fake_file file;
    struct table *t;

    fake_file_open(&file, content);
    t = open_path(file.path, err);
    fake_file_close(&file); /* it was read, and is not needed any more */
    return t;
}

struct answer {
    unsigned count;
    enum reply_status status;
    struct buf map, dict;
};

/* Asserts the answer to key. dict.ptr NULL: a miss. */
static void assert_answer(struct table *t, const struct table_key *key, struct span map,
                          struct span dict)
{
    struct reply known;

    assert_null(table_lookup(t, key, &known)); /* it never waits */
    assert_int_equal(known.status, dict.ptr == NULL ? REPLY_MISS : REPLY_FOUND);
    assert_true(span_equal(known.map_value, map));
    assert_true(span_equal(known.dict_value, dict));
}

static void test_json_table_answers(void **state)
{
    static const struct span content =
        TEXT("\n{ \"bob@example.com\" : \"al@example.com\",\n"
             "\"\": \"empty\", \" a \\\"b\\\" \": \"blanks\", \"j\\u00f6rg\": \"J\", "
             "\"nul\\u0000\": 0,\n"
             "\"list\": [ \"a\", 1.10, null ], \"none\": [], \"void\": \"\", \"null\": null,\n"
             "\"object\": { \"x\": [1, 2] }, \"big\": 12345678901234567890123, \"yes\": true,\n"
             "\"text\": \"\\u00e4\\n\", \"quota/al\": 5, \"quota/\": 6 }\n");
    static const struct {
        struct table_key key;
        struct span map, dict;
    } cases[] = {
        {{.key = TEXT("bob@example.com")}, TEXT("al@example.com"), TEXT("al@example.com")},
        {{.key = TEXT("")}, TEXT("empty"), TEXT("empty")},
        {{.key = {NULL, 0}}, TEXT("empty"), TEXT("empty")},
        {{.key = TEXT(" a \"b\" ")}, TEXT("blanks"), TEXT("blanks")},
        {{.key = TEXT("j\xc3\xb6rg")}, TEXT("J"), TEXT("J")},
        {{.key = TEXT("nul\0")}, TEXT("0"), TEXT("0")},
        {{.key = TEXT("list")}, TEXT("a,1.10"), TEXT("[\"a\",1.10,null]")},
        {{.key = TEXT("none")}, TEXT(""), TEXT("[]")},
        {{.key = TEXT("void")}, TEXT(""), TEXT("")},
        {{.key = TEXT("null")}, {NULL, 0}, {NULL, 0}},
        {{.key = TEXT("object")}, TEXT("{\"x\":[1,2]}"), TEXT("{\"x\":[1,2]}")},
        {{.key = TEXT("big")}, TEXT("12345678901234567890123"), TEXT("12345678901234567890123")},
        {{.key = TEXT("yes")}, TEXT("true"), TEXT("true")},
        {{.key = TEXT("text")}, TEXT("\xc3\xa4\n"), TEXT("\xc3\xa4\n")},
        {{.key = TEXT("quota"), .user = TEXT("al"), .is_private = true}, TEXT("5"), TEXT("5")},
        {{.key = TEXT("quota"), .user = TEXT(""), .is_private = true}, TEXT("6"), TEXT("6")},
        {{.key = TEXT("quota/al")}, TEXT("5"), TEXT("5")},
        {{.key = TEXT("quota"), .user = TEXT("bo"), .is_private = true}, {NULL, 0}, {NULL, 0}},
        {{.key = TEXT("quota")}, {NULL, 0}, {NULL, 0}},
        {{.key = TEXT("Bob@example.com")}, {NULL, 0}, {NULL, 0}}, /* keys are bytes */
        {{.key = TEXT("bob@example.co")}, {NULL, 0}, {NULL, 0}},
        {{.key = TEXT("bob@example.com ")}, {NULL, 0}, {NULL, 0}},
        {{.key = TEXT("nul")}, {NULL, 0}, {NULL, 0}},
        {{.key = TEXT("j\\u00f6rg")}, {NULL, 0}, {NULL, 0}},
        {{.key = TEXT("\xff")}, {NULL, 0}, {NULL, 0}},
        {{.key = TEXT("x")}, {NULL, 0}, {NULL, 0}}, /* a member of a member is not a key */
    };
    struct error err = {0};
    struct table *t = open_content(content, &err);

    (void)state;
    if (t == NULL)
        fail_msg("%s", err.text);
    assert_true(span_equal(table_name(t), SPAN("local")));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_answer(t, &cases[i].key, cases[i].map, cases[i].dict);
    table_unref(&t);
}

static void test_json_table_small(void **state)
{
    static const char *const contents[] = {"{}", " { } ", "{\"\":\"\"}", "{\"\":null}",
                                           "{\"k\":1}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        struct error err = {0};
        struct table *t = open_content(span_of(contents[i]), &err);

        if (t == NULL)
            fail_msg("%s: %s", contents[i], err.text);
        assert_answer(t, &(struct table_key){.key = SPAN("a")}, (struct span){NULL, 0},
                      (struct span){NULL, 0});
        assert_answer(t, &(struct table_key){.key = SPAN("z")}, (struct span){NULL, 0},
                      (struct span){NULL, 0});
        if (i == 2)
            assert_answer(t, &(struct table_key){.key = SPAN("")}, SPAN(""), SPAN(""));
        table_unref(&t);
    }
}

/* Every key of a large file is found, and none between them. */
static void test_json_table_many(void **state)
{
    enum { COUNT = 2000 };
    char text[32];
    struct buf content;
    struct error err = {0};
    struct table *t;

    (void)state;
    buf_init(&content, SIZE_MAX);
    for (unsigned i = 0; i < COUNT; i++) { /* 7919 is prime: in no order */
        snprintf(text, sizeof(text), "%s\"key%u\":%u", i == 0 ? "{" : ",", i * 7919 % COUNT,
                 i * 7919 % COUNT);
        buf_add(&content, span_of(text));
    }
    buf_add(&content, SPAN("}"));
    t = open_content(buf_span(&content), &err);
    assert_non_null(t);
    for (unsigned i = 0; i < COUNT; i++) {
        struct table_key key;

        snprintf(text, sizeof(text), "key%u", i);
        key = (struct table_key){.key = span_of(text)};
        assert_answer(t, &key, span_of(text + 3), span_of(text + 3));
        text[strlen(text) + 1] = '\0';
        text[strlen(text)] = 'x';
        key = (struct table_key){.key = span_of(text)};
        assert_answer(t, &key, (struct span){NULL, 0}, (struct span){NULL, 0});
    }
    table_unref(&t);
    buf_deinit(&content);
}

static void test_json_table_broken_files(void **state)
{
    static const struct {
        struct span content;
        const char *says; /* the reason after the path */
    } cases[] = {
        {TEXT(""), "the text is empty"},
        {TEXT("\n\n"), "the text is empty"},
        {TEXT("{"), "line 1, column 2"},
        {TEXT("{\"a\":1"), "line 1, column 7"},
        {TEXT("{\"a\":1,\n\"b\":}"), "line 2, column 5"},
        {TEXT("{\"a\":1,\n\"b\":nope}"), "line 2, column 5"},
        {TEXT("{\"a\":1}\n{}"), "line 2, column 1"},
        {TEXT("[]"), "not a JSON object"},
        {TEXT("\"text\""), "not a JSON object"},
        {TEXT("null"), "not a JSON object"},
        {TEXT("{\"a\":1,\n \"\xff\":2}"), "line 2, column 3"},
        {TEXT("{\"a\":1,\"b\":2,\"a\":3}"), "duplicate key \"a\""},
        {TEXT("{\"a\":1,\"\\u0061\":1}"), "duplicate key \"a\""},
        {TEXT("{\"\":1,\"\":1}"), "duplicate key \"\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};

        if (open_content(cases[i].content, &err) != NULL)
            fail_msg("%s was taken", cases[i].content.ptr);
        assert_int_not_equal(err.kind, ERR_NONE);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("%zu: '%s' without '%s'", i, err.text, cases[i].says);
        assert_true(span_starts_with(span_of(err.text), SPAN("/proc/self/fd/")));
    }
}

/* A file that is cut off anywhere is refused: half a file of aliases must not be used. */
static void test_json_table_cut_anywhere(void **state)
{
    const struct span whole = SPAN("{ \"a\": \"x\", \"b\": [1, {\"c\": null}] }");

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        struct error err = {0};

        if (open_content((struct span){whole.ptr, len}, &err) != NULL)
            fail_msg("%.*s was taken", (int)len, whole.ptr);
    }
}

static void test_json_table_unreadable(void **state)
{
    char dir[] = "/tmp/podop-unit-XXXXXX";
    char path[64];
    struct error err = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_null(open_path(dir, &err));
    assert_non_null(strstr(err.text, dir));
    snprintf(path, sizeof(path), "%s/none.json", dir);
    assert_null(open_path(path, &err));
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(mkfifo(path, 0600), 0); /* without a writer: opening must not wait */
    assert_null(open_path(path, &err));
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "not a regular file"));
    unlink(path);
    rmdir(dir);
}

struct walk {
    unsigned rows;
    bool is_done;
    struct table_iteration *it;
};

static void on_row(void *arg, struct span name, struct span value)
{
    struct walk *w = arg;

    assert_true(name.len > 0 && value.len > 0);
    w->rows++;
}

static void on_done(void *arg, const struct reply *reply)
{
    struct walk *w = arg;

    assert_int_equal(reply->status, REPLY_FOUND);
    w->is_done = true;
}

static struct table *open_large(unsigned members)
{
    struct error err = {0};
    struct buf text;
    struct table *t;

    buf_init(&text, SIZE_MAX);
    buf_add_char(&text, '{');
    for (unsigned i = 0; i < members; i++) {
        buf_add(&text, i == 0 ? SPAN("\"a/") : SPAN(",\"a/"));
        buf_add_uint(&text, i);
        buf_add(&text, i % 10000 == 0 ? SPAN("/bob\":1") : SPAN("/al\":1"));
    }
    buf_add_char(&text, '}');
    t = open_content(buf_span(&text), &err);
    assert_non_null(t);
    buf_deinit(&text);
    return t;
}

/* The loop has many turns during the iteration over a long file, with or without rows. */
static void test_json_table_iterates_in_slices(void **state)
{
    enum { MEMBERS = 50000 };
    static const struct iterate_events events = {on_row, on_done};
    const struct iterate_options options = {.recurse = true};
    struct table *t = open_large(MEMBERS);

    (void)state;
    for (int is_private = 0; is_private < 2; is_private++) {
        const struct table_key path = {
            .key = SPAN("a/"), .user = SPAN("bob"), .is_private = is_private};
        struct walk w = {0};
        unsigned turns = 0;

        w.it = table_iterate(t, &path, &options, &events, &w);
        for (; !w.is_done; turns++)
            ev_run(loop, EVRUN_ONCE);
        assert_true(turns > MEMBERS / 2000);
        assert_int_equal(w.rows, is_private ? MEMBERS / 10000 : MEMBERS);
    }
    table_unref(&t);
}

/* An iteration may be paused, resumed and cancelled between two slices. */
static void test_json_table_iteration_between_slices(void **state)
{
    enum { MEMBERS = 20000 };
    static const struct iterate_events events = {on_row, on_done};
    const struct table_key path = {.key = SPAN("a/")};
    const struct iterate_options options = {.recurse = true};
    struct table *t = open_large(MEMBERS);
    struct walk w = {0}, cancelled = {0};
    unsigned rows;

    (void)state;
    w.it = table_iterate(t, &path, &options, &events, &w);
    cancelled.it = table_iterate(t, &path, &options, &events, &cancelled);
    ev_run(loop, EVRUN_ONCE);
    assert_true(w.rows > 0 && cancelled.rows > 0);
    table_iteration_cancel(&cancelled.it);
    table_iteration_pause(w.it);
    rows = w.rows;
    for (int i = 0; i < 3; i++)
        ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(w.rows, rows);
    for (int i = 0; i < 2; i++) { /* at once, and after a turn */
        table_iteration_resume(w.it);
        table_iteration_pause(w.it);
        table_iteration_resume(w.it);
        ev_run(loop, EVRUN_ONCE);
        table_iteration_pause(w.it);
    }
    table_iteration_resume(w.it);
    while (!w.is_done)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(w.rows, MEMBERS);
    table_unref(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_table_answers),
        cmocka_unit_test(test_json_table_small),
        cmocka_unit_test(test_json_table_many),
        cmocka_unit_test(test_json_table_broken_files),
        cmocka_unit_test(test_json_table_cut_anywhere),
        cmocka_unit_test(test_json_table_unreadable),
        cmocka_unit_test(test_json_table_iterates_in_slices),
        cmocka_unit_test(test_json_table_iteration_between_slices),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
