/* test_searched_lookup.c - lookups that try several forms of their key: their order, what ends
 * them, their deadline, what they share, and what becomes of the value. */
#include "lookup_case.h"

#include "podop/deadline.h"

#include "held_clock.h"
#include "table/memory.h"

enum { TIMEOUT_MS = 5000 };

static char *forms[] = {(char[]){"key"}, (char[]){"user@domain"}, (char[]){"@domain"},
                        (char[]){"parents"}};
static char plus[] = "+";

static const struct reply miss = {.status = REPLY_MISS};
static const struct reply down = {.status = REPLY_TEMPORARY, .reason = TEXT("down")};

static struct table_config searching(size_t form_count)
{
    return (struct table_config){
        .timeout_ms = TIMEOUT_MS,
        .key = {.fold = KEY_FOLD_ALL,
                .search = {forms, form_count},
                .extension = plus,
                .propagate = true},
    };
}

static int setup_search(void **state)
{
    const struct table_config config = searching(3);

    (void)state;
    return setup_with(&config);
}

static int setup_search_shared(void **state)
{
    struct table_config config = searching(3);

    (void)state;
    config.share = true;
    return setup_with(&config);
}

static int setup_search_cached(void **state)
{
    struct table_config config = searching(3);

    (void)state;
    config.cache = (struct cache_config){
        .ttl_ms = LONG_MS, .negative_ttl_ms = LONG_MS, .max_entries = 100, .max_bytes = 100000};
    return setup_with(&config);
}

static int setup_search_stale(void **state)
{
    struct table_config config = searching(3);

    (void)state; /* an answer is stale after 1 ms */
    config.cache = (struct cache_config){.ttl_ms = 1,
                                         .negative_ttl_ms = 1,
                                         .stale_ms = LONG_MS,
                                         .max_entries = 100,
                                         .max_bytes = 100000};
    return setup_with(&config);
}

/* Asserts that the type is asked for key, as the only one, and answers. */
static void answer_form(const char *key, const struct reply *reply)
{
    assert_int_equal(fake.waiting_count, 1);
    if (!span_equal(fake.waiting[0]->key.key, span_of(key)))
        fail_msg("asked for '%.*s', not '%s'", (int)fake.waiting[0]->key.key.len,
                 fake.waiting[0]->key.key.ptr, key);
    fake_table_answer(&fake, 0, reply);
}

static void answer_value(const char *key, const char *value)
{
    const struct reply reply = fake_found(span_of(value));

    answer_form(key, &reply);
}

/* Order */

static void test_search_asks_form_after_form(void **state)
{
    struct caller c = {0};

    (void)state;
    ask(&c, fake.table, "Bob+News@V.Example");
    answer_form("bob+news@v.example", &miss);
    answer_form("bob@v.example", &miss);
    assert_int_equal(c.answers, 0);
    answer_value("@v.example", "catch@all");
    assert_found(&c, "catch@all");
    assert_int_equal(c.source, REPLY_NO_CACHE);
}

static void test_search_ends_at_the_first_that_is_found(void **state)
{
    struct caller c = {0};

    (void)state;
    ask(&c, fake.table, "bob@v.example");
    answer_value("bob@v.example", "value");
    assert_found(&c, "value");
    assert_int_equal(fake.waiting_count, 0);
}

static void test_search_of_all_misses_is_a_miss(void **state)
{
    struct caller c = {0};

    (void)state;
    ask(&c, fake.table, "bob@v.example");
    answer_form("bob@v.example", &miss);
    answer_form("@v.example", &miss);
    assert_int_equal(c.answers, 1);
    assert_int_equal(c.status, REPLY_MISS);
}

static void test_search_ends_with_a_failure(void **state)
{
    static const enum reply_status failures[] = {REPLY_TEMPORARY, REPLY_TIMEOUT, REPLY_PERMANENT};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        const struct reply failure = {.status = failures[i], .reason = TEXT("why")};
        struct caller c = {0};

        ask(&c, fake.table, "bob+x@v.example");
        answer_form("bob+x@v.example", &miss);
        answer_form("bob@v.example", &failure);
        assert_int_equal(c.answers, 1);
        assert_int_equal(c.status, failures[i]);
        assert_string_equal(c.reason, "why");
        assert_int_equal(fake.waiting_count, 0);
    }
}

/* A value that Postfix gets as a miss lets the search go on, and stays the answer if it is the
 * last.
 */
static void test_search_goes_on_after_a_value_that_is_a_miss(void **state)
{
    const struct reply no = {.status = REPLY_FOUND, .dict_value = TEXT("false")};
    struct caller first = {0}, second = {0};

    (void)state;
    ask(&first, fake.table, "bob@v.example");
    answer_form("bob@v.example", &no);
    answer_value("@v.example", "value");
    assert_found(&first, "value");
    ask(&second, fake.table, "bob@v.example");
    answer_form("bob@v.example", &miss);
    answer_form("@v.example", &no);
    assert_int_equal(second.status, REPLY_FOUND);
    assert_string_equal(second.dict, "false");
    assert_string_equal(second.map, "");
}

/* Dovecot gets the first value, although the forms after it are misses. */
static void test_search_keeps_a_value_that_is_a_miss(void **state)
{
    const struct reply no = {.status = REPLY_FOUND, .dict_value = TEXT("false")};
    const struct reply zero = {.status = REPLY_FOUND, .dict_value = TEXT("0")};
    struct caller c = {0}, failed = {0};

    (void)state;
    ask(&c, fake.table, "bob+x@v.example");
    answer_form("bob+x@v.example", &no);
    answer_form("bob@v.example", &zero);
    answer_form("@v.example", &miss);
    assert_int_equal(c.status, REPLY_FOUND);
    assert_string_equal(c.dict, "false");
    assert_string_equal(c.map, "");
    ask(&failed, fake.table, "bob+x@v.example");
    answer_form("bob+x@v.example", &no);
    answer_form("bob@v.example", &down);
    assert_int_equal(failed.status, REPLY_TEMPORARY);
}

/* 60,000 addresses times 60,000 bytes would be 3.6 GB. */
static void test_search_refuses_a_value_that_grows_too_long(void **state)
{
    enum { ADDRESSES = 60000, EXTENSION_BYTES = 60000 };
    static char value[2 * ADDRESSES + 1], key[EXTENSION_BYTES + 20];
    struct caller c = {0};

    (void)state;
    for (size_t i = 0; i < ADDRESSES; i++)
        memcpy(value + 2 * i, "a,", 3);
    memcpy(key, "bob+", 4);
    memset(key + 4, 'x', EXTENSION_BYTES);
    memcpy(key + 4 + EXTENSION_BYTES, "@v.example", 11);
    ask(&c, fake.table, key);
    answer_form(key, &miss);
    answer_value("bob@v.example", value);
    assert_int_equal(c.status, REPLY_PERMANENT);
    assert_non_null(strstr(c.reason, "too long"));
}

static void test_search_of_a_key_without_forms(void **state)
{
    struct table_config config = searching(2);
    struct caller c = {0};

    (void)state;
    config.key.search = (struct string_list){forms + 1, 1};
    setup_with(&config);
    ask(&c, fake.table, "v.example");
    assert_int_equal(c.answers, 1);
    assert_int_equal(c.status, REPLY_MISS);
    assert_int_equal(fake.started, 0);
    teardown(NULL);
}

static void test_search_is_not_for_private_keys(void **state)
{
    const struct table_key key = {
        .key = TEXT("Quota"), .user = TEXT("Bob+X@V.Example"), .is_private = true};
    struct caller c = {0};

    (void)state;
    ask_key(&c, fake.table, &key);
    assert_true(span_equal(fake.waiting[0]->key.user, SPAN("bob+x@v.example")));
    answer_form("quota", &miss);
    assert_int_equal(c.status, REPLY_MISS);
    assert_int_equal(fake.started, 1);
}

/* Answers at once */

static bool catch_all_at_once(struct span key, struct reply *reply)
{
    if (key.ptr[0] == '@')
        *reply = fake_found(SPAN("catch@all"));
    else
        *reply = miss;
    return true;
}

static void test_search_known_at_once(void **state)
{
    struct caller c = {0};

    (void)state;
    fake.answers_at_once = catch_all_at_once;
    ask(&c, fake.table, "bob+x@v.example");
    assert_found(&c, "catch@all");
    assert_int_equal(fake.started, 3);
}

static bool misses_at_once(struct span key, struct reply *reply)
{
    (void)key;
    *reply = miss;
    return true;
}

/* 120 parents, each a miss at once: after a form that waits, and without one. */
static void test_search_of_many_forms(void **state)
{
    struct table_config config = searching(4);
    char key[256] = "bob@";
    struct caller c = {0};

    (void)state;
    for (int i = 0; i < 120; i++)
        strcat(key, "a."); /* NOLINT: there is room for 240 bytes */
    strcat(key, "b");
    setup_with(&config);
    ask(&c, fake.table, key);
    fake.answers_at_once = misses_at_once;
    answer_form(key, &miss);
    assert_int_equal(c.status, REPLY_MISS);
    assert_int_equal(c.answers, 1);
    assert_int_equal(fake.started, 122);
    c = (struct caller){0};
    ask(&c, fake.table, key);
    assert_int_equal(c.answers, 1);
    assert_int_equal(fake.started, 244);
    teardown(NULL);
}

/* Time */

static void test_search_has_one_deadline(void **state)
{
    uint64_t deadline_at_ms;
    struct caller c = {0};

    (void)state;
    service_clock_hold(loop);
    ask(&c, fake.table, "bob+x@v.example");
    deadline_at_ms = fake.waiting[0]->deadline_at_ms;
    held_clock_pass_ms(loop, 100);
    answer_form("bob+x@v.example", &miss);
    assert_int_equal(fake.waiting[0]->deadline_at_ms, deadline_at_ms);
    held_clock_pass_ms(loop, 100);
    answer_form("bob@v.example", &miss);
    assert_int_equal(fake.waiting[0]->deadline_at_ms, deadline_at_ms);
    table_op_cancel(&c.op);
    service_clock_release(loop);
}

/* A fetch with a later deadline could answer too late. */
static void test_search_joins_no_later_fetch(void **state)
{
    struct caller early = {0}, late = {0};

    (void)state;
    service_clock_hold(loop);
    ask(&early, fake.table, "bob+x@v.example");
    held_clock_pass_ms(loop, 100);
    ask(&late, fake.table, "bob@v.example");
    assert_int_equal(fake.waiting_count, 2);
    fake_table_answer(&fake, 0, &miss);
    assert_int_equal(fake.waiting_count, 2); /* both for bob@v.example */
    assert_true(fake.waiting[0]->deadline_at_ms > fake.waiting[1]->deadline_at_ms);
    fake_table_answer(&fake, 1, &(struct reply){.status = REPLY_TIMEOUT});
    assert_int_equal(early.status, REPLY_TIMEOUT);
    assert_int_equal(late.answers, 0);
    table_op_cancel(&late.op);
    service_clock_release(loop);
}

/* Sharing */

static void test_searches_share_equal_forms(void **state)
{
    struct caller callers[3] = {{0}};

    (void)state;
    ask(&callers[0], fake.table, "bob@v.example");
    ask(&callers[1], fake.table, "BOB@v.example");
    ask(&callers[2], fake.table, "alice@v.example");
    assert_int_equal(fake.waiting_count, 2);
    fake_table_answer(&fake, 0, &miss); /* of bob: both go on to @v.example */
    assert_int_equal(fake.waiting_count, 2);
    fake_table_answer(&fake, 0, &miss); /* of alice, who joins them */
    answer_value("@v.example", "value");
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        assert_found(&callers[i], "value");
    assert_int_equal(fake.started, 3);
    assert_int_equal(fake.table->memory->counters.joined, 3);
}

static void test_search_counts_as_one_lookup(void **state)
{
    const struct table_counters *counters = &fake.table->memory->counters;
    struct caller c = {0};

    (void)state;
    ask(&c, fake.table, "bob+x@v.example");
    answer_form("bob+x@v.example", &miss);
    answer_form("bob@v.example", &miss);
    answer_value("@v.example", "value");
    assert_int_equal(counters->lookups, 1);
    assert_int_equal(counters->fetches, 3);
    assert_int_equal(counters->answers[REPLY_FOUND], 1);
    assert_int_equal(counters->answers[REPLY_MISS], 0);
}

static void test_search_caches_each_form(void **state)
{
    struct caller first = {0}, second = {0}, third = {0};

    (void)state;
    ask(&first, fake.table, "bob+x@v.example");
    answer_form("bob+x@v.example", &miss);
    answer_value("bob@v.example", "alice@w.example");
    assert_found(&first, "alice+x@w.example");
    ask(&second, fake.table, "bob+X@v.example");
    assert_found(&second, "alice+X@w.example");
    assert_int_equal(second.source, REPLY_FROM_CACHE);
    ask(&third, fake.table, "BOB@v.example");
    assert_found(&third, "alice@w.example");
    assert_int_equal(fake.started, 2);
}

static void test_search_forms_are_dropped(void **state)
{
    const struct table_key key = {.key = TEXT("BOB+x@v.example")};
    struct caller first = {0}, second = {0};

    (void)state;
    ask(&first, fake.table, "bob+x@v.example");
    answer_form("bob+x@v.example", &miss);
    answer_value("bob@v.example", "alice@w.example");
    table_drop(fake.table, &key);
    ask(&second, fake.table, "bob+x@v.example");
    answer_form("bob+x@v.example", &miss);
    answer_form("bob@v.example", &miss);
    answer_value("@v.example", "catch@all");
    assert_found(&second, "catch@all");
}

static bool with_x_at_once(struct span key, struct reply *reply)
{
    *reply = miss;
    return span_equal(key, SPAN("bob+x@v.example"));
}

static void then_clear(struct caller *c)
{
    (void)c;
    table_clear(fake.table);
}

/* The reply of a search that goes on to the cache stays until done returns, whatever done does. */
static void test_search_ends_in_the_cache(void **state)
{
    struct caller known = {0}, c = {.then = then_clear};

    (void)state;
    ask(&known, fake.table, "bob@v.example");
    answer_form("bob@v.example", &miss);
    answer_value("@v.example", "value");
    ask(&c, fake.table, "carol@v.example");
    answer_form("carol@v.example", &miss);
    assert_found(&c, "value");
    assert_int_equal(c.source, REPLY_FROM_CACHE);
}

static void test_search_stale(void **state)
{
    struct caller first = {0}, second = {0};

    (void)state;
    fake.answers_at_once = with_x_at_once;
    ask(&first, fake.table, "bob+x@v.example");
    answer_value("bob@v.example", "alice@w.example");
    wait_until_stale();
    ask(&second, fake.table, "bob+x@v.example");
    answer_form("bob@v.example", &down);
    assert_found(&second, "alice+x@w.example");
    assert_int_equal(second.source, REPLY_STALE);
}

/* In an outage, a form that was a miss does not keep a later one from giving its stale value. */
static void test_search_goes_on_after_what_was_a_miss(void **state)
{
    struct caller first = {0}, second = {0}, third = {0};

    (void)state;
    ask(&first, fake.table, "bob+x@v.example");
    answer_form("bob+x@v.example", &miss);
    answer_value("bob@v.example", "alice@w.example");
    wait_until_stale();
    ask(&second, fake.table, "bob+x@v.example");
    answer_form("bob+x@v.example", &down);
    answer_form("bob@v.example", &down);
    assert_found(&second, "alice+x@w.example");
    assert_int_equal(second.source, REPLY_STALE);
    ask(&third, fake.table, "bob+y@v.example"); /* may have a value of its own */
    answer_form("bob+y@v.example", &down);
    assert_int_equal(third.status, REPLY_TEMPORARY);
}

/* Only a value keeps a lookup from waiting for a backend that restarts, never a miss. */
static void test_search_has_stale_with_a_later_value(void **state)
{
    struct caller first = {0}, second = {0}, third = {0};

    (void)state;
    ask(&first, fake.table, "bob+x@v.example");
    answer_form("bob+x@v.example", &miss);
    answer_form("bob@v.example", &miss);
    answer_value("@v.example", "alice@w.example");
    wait_until_stale();
    ask(&second, fake.table, "bob+x@v.example");
    assert_true(fetch_has_stale(fake.waiting[0]));
    answer_form("bob+x@v.example", &miss);
    assert_true(fetch_has_stale(fake.waiting[0]));
    answer_form("bob@v.example", &miss);
    assert_true(fetch_has_stale(fake.waiting[0]));
    answer_form("@v.example", &miss);
    wait_until_stale();
    ask(&third, fake.table, "bob+x@v.example");
    assert_false(fetch_has_stale(fake.waiting[0]));
    answer_form("bob+x@v.example", &miss);
    answer_form("bob@v.example", &miss);
    assert_false(fetch_has_stale(fake.waiting[0]));
    answer_form("@v.example", &miss);
    assert_int_equal(third.status, REPLY_MISS);
}

static bool fails_at_once(struct span key, struct reply *reply)
{
    (void)key;
    *reply = down;
    return true;
}

/* All forms were misses, and are not known to be any more: never a miss. */
static void test_search_of_what_were_misses_fails(void **state)
{
    struct caller first = {0}, second = {0}, third = {0};

    (void)state;
    ask(&first, fake.table, "bob@v.example");
    answer_form("bob@v.example", &miss);
    answer_form("@v.example", &miss);
    wait_until_stale();
    ask(&second, fake.table, "bob@v.example");
    answer_form("bob@v.example", &down);
    answer_form("@v.example", &miss);
    assert_int_equal(second.status, REPLY_TEMPORARY);
    assert_string_equal(second.reason, "down");
    wait_until_stale();
    fake.answers_at_once = fails_at_once;
    ask(&third, fake.table, "bob@v.example");
    assert_int_equal(third.status, REPLY_TEMPORARY);
    assert_string_equal(third.reason, "down");
}

static void test_search_skips_forms(void **state)
{
    char *patterns[] = {(char[]){"*+*"}};
    struct table_config config = searching(3);
    struct caller c = {0};

    (void)state;
    config.skip = (struct string_list){patterns, 1};
    setup_with(&config);
    ask(&c, fake.table, "bob+x@v.example");
    answer_value("bob@v.example", "value");
    assert_found(&c, "value+x");
    teardown(NULL);
}

/* Ends */

static void test_search_cancel(void **state)
{
    struct caller c = {0};

    (void)state;
    ask(&c, fake.table, "bob+x@v.example");
    table_op_cancel(&c.op);
    assert_int_equal(fake.cancelled, 1);
    ask(&c, fake.table, "bob+x@v.example");
    answer_form("bob+x@v.example", &miss);
    table_op_cancel(&c.op);
    assert_int_equal(fake.cancelled, 2);
    assert_int_equal(fake.waiting_count, 0);
    run();
    assert_int_equal(c.answers, 0);
}

static void test_search_goes_on_in_a_retired_table(void **state)
{
    struct caller c = {0};

    (void)state;
    ask(&c, fake.table, "bob+x@v.example");
    table_retire(fake.table);
    answer_form("bob+x@v.example", &miss);
    answer_value("bob@v.example", "value");
    assert_found(&c, "value+x");
}

static void test_search_explained(void **state)
{
    const struct table_key key = {.key = TEXT("Bob+X@v.example")};
    struct caller c = {0};
    struct reply known;
    struct buf notes;

    (void)state;
    buf_init(&notes, 10000);
    c.op = table_explain(fake.table, &key, &notes, &known);
    table_op_wait(c.op, on_reply, &c);
    answer_form("bob+x@v.example", &miss);
    answer_value("bob@v.example", "alice@w.example");
    assert_found(&c, "alice+X@w.example");
    assert_string_equal(
        buf_string(&notes),
        "[\"key\",\"bob+x@v.example\"],[\"form\",\"bob+x@v.example\"],"
        "[\"cache\",\"off\"],[\"result\",\"miss\"],"
        "[\"form\",\"bob@v.example\"],[\"cache\",\"off\"],"
        "[\"result\",\"found\"],[\"found\",\"bob@v.example\"],[\"extended\",\"+X\"]");
    buf_deinit(&notes);
}

static void test_search_explained_is_cancelled(void **state)
{
    const struct table_key key = {.key = TEXT("bob+x@v.example")};
    struct caller c = {0};
    struct reply known;
    struct buf notes;

    (void)state;
    buf_init(&notes, 10000);
    c.op = table_explain(fake.table, &key, &notes, &known);
    table_op_wait(c.op, on_reply, &c);
    answer_form("bob+x@v.example", &miss);
    table_op_cancel(&c.op);
    buf_deinit(&notes);
    assert_int_equal(fake.cancelled, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_search_asks_form_after_form, setup_search),
        WITH(test_search_ends_at_the_first_that_is_found, setup_search),
        WITH(test_search_of_all_misses_is_a_miss, setup_search),
        WITH(test_search_ends_with_a_failure, setup_search),
        WITH(test_search_goes_on_after_a_value_that_is_a_miss, setup_search),
        WITH(test_search_keeps_a_value_that_is_a_miss, setup_search),
        WITH(test_search_refuses_a_value_that_grows_too_long, setup_search),
        cmocka_unit_test(test_search_of_a_key_without_forms),
        WITH(test_search_is_not_for_private_keys, setup_search),
        WITH(test_search_known_at_once, setup_search),
        cmocka_unit_test(test_search_of_many_forms),
        WITH(test_search_has_one_deadline, setup_search),
        WITH(test_search_joins_no_later_fetch, setup_search_shared),
        WITH(test_searches_share_equal_forms, setup_search_shared),
        WITH(test_search_counts_as_one_lookup, setup_search),
        WITH(test_search_caches_each_form, setup_search_cached),
        WITH(test_search_forms_are_dropped, setup_search_cached),
        WITH(test_search_ends_in_the_cache, setup_search_cached),
        WITH(test_search_stale, setup_search_stale),
        WITH(test_search_goes_on_after_what_was_a_miss, setup_search_stale),
        WITH(test_search_has_stale_with_a_later_value, setup_search_stale),
        WITH(test_search_of_what_were_misses_fails, setup_search_stale),
        cmocka_unit_test(test_search_skips_forms),
        WITH(test_search_cancel, setup_search),
        WITH(test_search_goes_on_in_a_retired_table, setup_search_cached),
        WITH(test_search_explained, setup_search),
        WITH(test_search_explained_is_cancelled, setup_search),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
