/* test_explain.c - the notes that podop adds to an explained lookup, and their form. */
#include "ask_table.h"
#include "unit.h"

#include "podop/deadline.h"

#include "fake_table.h"
#include "table/explain.h"
#include "table/notes.h"

#include <ev.h>

enum { LONG_MS = 3600 * 1000, EXACT_TTL_MS = 9 };

static struct ev_loop *loop;
static struct fake_table fake;
static struct buf notes;
static char *skip[] = {(char[]){"skip*"}};

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static int setup(void **state)
{
    const struct table_config config = {
        .timeout_ms = LONG_MS,
        .skip = {skip, 1},
        .cache = {.ttl_ms = EXACT_TTL_MS, /* too short to be spread */
                  .negative_ttl_ms = EXACT_TTL_MS,
                  .stale_ms = LONG_MS,
                  .max_entries = 9,
                  .max_bytes = 9999},
    };

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(loop);
    fake_table_open(&fake, "t", &config, loop);
    buf_init(&notes, 2000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_table_close(&fake);
    buf_deinit(&notes);
    service_clock_release(loop);
    ev_loop_destroy(loop);
    return 0;
}

static void explain(const char *text, const struct change *pending)
{
    const struct table_key key = {.key = span_of(text)};
    struct identity id;

    notes.len = 0;
    identity_of(&id, fake.table, &key);
    explain_known(fake.table, &key, &id, pending, &notes);
    identity_free(&id);
}

static void ignore(void *arg, const struct reply *reply)
{
    (void)arg;
    (void)reply;
}

static void remember(const char *text, const struct reply *reply)
{
    ask_table(fake.table, &(struct table_key){.key = span_of(text)}, ignore, NULL);
    fake_table_answer(&fake, 0, reply);
}

static void test_explain_pending(void **state)
{
    const struct change set = {.kind = CHANGE_SET, .value = SPAN("new")};
    const struct change unset = {.kind = CHANGE_UNSET};

    (void)state;
    explain("k", &set);
    assert_string_equal(buf_string(&notes),
                        "[\"held\",\"answered by a value that is not written yet\"],"
                        "[\"value\",\"new\"],[\"cache\",\"absent\"]");
    explain("k", &unset);
    assert_string_equal(buf_string(&notes),
                        "[\"held\",\"answered by a removal that is not written yet\"],"
                        "[\"cache\",\"absent\"]");
}

static void test_explain_skip(void **state)
{
    (void)state;
    explain("skipped", NULL);
    assert_string_equal(buf_string(&notes),
                        "[\"skip\",\"a pattern matches: a miss, without asking the backend\"],"
                        "[\"cache\",\"absent\"]");
}

/* The clock of the loop stands still, so the times are exact. */
static void test_explain_cache(void **state)
{
    const struct reply found = fake_found(SPAN("v")), miss = {.status = REPLY_MISS};

    (void)state;
    remember("k", &found);
    explain("k", NULL);
    assert_string_equal(buf_string(&notes), "[\"cache\",\"fresh, 9 ms left\"],[\"cached\",\"v\"]");
    remember("none", &miss);
    explain("none", NULL);
    assert_string_equal(buf_string(&notes),
                        "[\"cache\",\"fresh, 9 ms left\"],[\"cached\",\"a miss\"]");
}

static void test_notes_are_json(void **state)
{
    (void)state;
    notes_add(&notes, "a", SPAN("quote \" and \xff"));
    notes_format(&notes, "b", "%d of %d", 1, 2);
    notes_add_cut(&notes, "c", SPAN("12345"), 5);
    notes_add_cut(&notes, "d", SPAN("12345"), 2);
    assert_string_equal(buf_string(&notes),
                        "[\"a\",\"quote \\\" and \xef\xbf\xbd\"],[\"b\",\"1 of 2\"],"
                        "[\"c\",\"12345\"],[\"d\",\"12... (5 bytes)\"]");
}

/* A note that does not fit is left out; a shorter one after it is not. */
static void test_notes_that_do_not_fit(void **state)
{
    struct buf small;

    (void)state;
    buf_init(&small, 20);
    notes_add(&small, "a", SPAN("1"));
    notes_add(&small, "b", SPAN("0123456789"));
    notes_add(&small, "c", SPAN("2"));
    assert_string_equal(buf_string(&small), "[\"a\",\"1\"],[\"c\",\"2\"]");
    buf_deinit(&small);
    notes_add(NULL, "a", SPAN("1")); /* without a buffer for notes */
    notes_add_cut(NULL, "a", SPAN("1"), 0);
    notes_format(NULL, "a", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_explain_pending), WITH(test_explain_skip),          WITH(test_explain_cache),
        WITH(test_notes_are_json),  WITH(test_notes_that_do_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
