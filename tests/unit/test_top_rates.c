/* Samples of the counters, and the rates between two of them. */
#include "top_case.h"

#define PROCESS(pid, uptime) "{'ok':true,'version':'1.2.3','pid':" #pid ",'uptime_s':" #uptime ","
#define TABLE(lookups, found, temporary, fresh, absent)                                            \
    "'tables':[{'table':'t','lookups':" #lookups ",'answers':{'found':" #found                     \
    ",'miss':1,'temporary':" #temporary ",'timeout':2,'permanent':3},'cache':{'fresh':" #fresh     \
    ",'stale':0,'absent':" #absent "}}]}"

static void test_reads_what_stats_says(void **state)
{
    struct top_sample s = top_case_sample(
        "{'ok':true,'version':'1','pid':7,'uptime_s':5,'rss_bytes':4096,'clients':2,'requests':1,"
        "'reloads':{'done':1,'failed':2,'last':3,'last_failed':true},'loop':{'longest_us':9,"
        "'lost_ms':8},'pool':[{'host':'http://a','in_flight':1,'waiting':4},{'host':'http://b',"
        "'waiting':5},{'host':'http://a','waiting':2}],'tables':[{'table':'t','joined':6,"
        "'pending':{'writes':3,'lost':1},'duration':[{'us_at_most':100,'count':5},{'count':1}],"
        "'backends':[{'url':'http://a','address':'::1','requests':9,'failures':2,"
        "'failures_in_row':1,'left_alone':true,'in_flight':1,'since_ms':77,'failed_ms':0,"
        "'reason':'x\\u0000y\\n'},{'url':'http://b','requests':0},{'url':'http://c',"
        "'requests':1,'failing_ms':5},{'url':'http://d','requests':1}]},"
        "{'table':'p','processes':[{'pid':42,'running':true,'requests':2},{'pid':0,"
        "'running':false,'requests':0}]}]}",
        1);
    static const enum top_state states[] = {TOP_SUSPENDED, TOP_UNUSED, TOP_FAILING,
                                            TOP_UP,        TOP_UP,     TOP_DOWN};

    (void)state;
    assert_string_equal(s.process.version, "1");
    assert_int_equal(s.process.pid, 7);
    assert_int_equal(s.process.rss_bytes, 4096);
    assert_int_equal(s.process.longest_us, 9);
    assert_int_equal(s.process.reloads_failed, 2);
    assert_true(s.process.last_reload_failed);
    assert_int_equal(s.table_count, 2);
    assert_false(s.tables[0].has_cache);
    assert_int_equal(s.tables[0].counts[TOP_JOINED], 6);
    assert_int_equal(s.tables[0].counts[TOP_LOST], 1);
    assert_int_equal(s.tables[0].pending, 3);
    assert_int_equal(s.tables[0].durations.buckets, 2);
    assert_int_equal(s.tables[0].durations.at_most_us[0], 100);
    assert_int_equal(s.tables[0].durations.at_most_us[1], 0);
    assert_int_equal(s.backend_count, ARRAY_LEN(states));
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        AT_CASE("%zu", i);
        assert_int_equal(s.backends[i].state, states[i]);
    }
    assert_string_equal(s.backends[0].name, "http://a (::1)");
    assert_int_equal(s.backends[0].waiting, 6);
    assert_int_equal(s.backends[0].since_ms, 77);
    assert_true(s.backends[0].has_failed);
    assert_false(s.backends[1].has_failed);
    assert_string_equal(s.backends[4].name, "program, pid 42");
    assert_string_equal(s.backends[4].table, "p");
    assert_int_equal(s.backends[4].in_flight, 2);
    top_sample_deinit(&s);
}

/* Another podop, of another version, must not end podopctl. */
static void test_reads_anything(void **state)
{
    static const char *const answers[] = {
        "{}",
        "{'tables':7,'pool':{},'pid':'x','version':1}",
        "{'tables':[7,null,[],{'backends':[1],'processes':[2],'duration':[3]}]}",
        "{'pid':-1,'uptime_s':1.5,'clients':99999999999999999999999}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct top_sample s = top_case_sample(answers[i], 1);

        AT_CASE("%s", answers[i]);
        assert_int_equal(s.process.pid, 0);
        assert_int_equal(s.process.clients, 0);
        assert_string_equal(s.process.version, "");
        top_sample_deinit(&s);
    }
}

struct pair {
    const char *before, *now;
    uint64_t passed_ms;
    double seconds;
    bool is_known;
    uint64_t lookups, found, failed;
};

static const struct pair pairs[] = {
    {PROCESS(1, 10) TABLE(100, 90, 4, 0, 0), PROCESS(1, 12) TABLE(150, 130, 14, 0, 0), 2000, 2,
     true, 50, 40, 10},
    /* restarted: a new process id, or the same one and a shorter life */
    {PROCESS(1, 10) TABLE(100, 90, 4, 0, 0), PROCESS(2, 12) TABLE(150, 130, 14, 0, 0), 2000, 0,
     false, 0, 0, 0},
    {PROCESS(1, 10) TABLE(100, 90, 4, 0, 0), PROCESS(1, 3) TABLE(150, 130, 14, 0, 0), 2000, 0,
     false, 0, 0, 0},
    /* the table was replaced: one counter fell, and all began at 0 */
    {PROCESS(1, 10) TABLE(100, 90, 4, 0, 0), PROCESS(1, 12) TABLE(7, 1, 5, 0, 0), 2000, 2, true, 7,
     1, 10},
    {PROCESS(1, 10) "'tables':[{'table':'u','lookups':5}]}",
     PROCESS(1, 12) TABLE(150, 130, 14, 0, 0), 2000, 2, false, 0, 0, 0},
    {PROCESS(1, 10) "'tables':[{'table':'u','lookups':5},{'table':'t','lookups':50,'answers':{"
                    "'found':50}}]}",
     PROCESS(1, 12) TABLE(150, 130, 14, 0, 0), 4000, 4, true, 100, 80, 19},
    /* no time has passed: nothing to divide by */
    {PROCESS(1, 10) TABLE(100, 90, 4, 0, 0), PROCESS(1, 10) TABLE(150, 130, 14, 0, 0), 0, 0, false,
     0, 0, 0},
};

static void test_rates_are_never_negative(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        const struct pair *p = &pairs[i];
        struct top_sample before = top_case_sample(p->before, 5);
        struct top_sample now = top_case_sample(p->now, 5 + p->passed_ms);
        struct top_rates rates;

        AT_CASE("%zu", i);
        top_rates_init(&rates, &before, &now);
        assert_true(rates.seconds == p->seconds);
        assert_int_equal(rates.tables[0].is_known, p->is_known);
        assert_int_equal(rates.tables[0].counts[TOP_LOOKUPS], p->lookups);
        assert_int_equal(rates.tables[0].counts[TOP_FOUND], p->found);
        assert_int_equal(rates.tables[0].counts[TOP_FAILED], p->failed);
        top_rates_deinit(&rates);
        top_rates_init(&rates, NULL, &now);
        assert_true(rates.seconds == 0);
        assert_false(rates.tables[0].is_known);
        top_rates_deinit(&rates);
        top_sample_deinit(&before);
        top_sample_deinit(&now);
    }
}

#define BACKENDS(a, b)                                                                             \
    PROCESS(1, 1)                                                                                  \
    "'tables':[{'table':'t','backends':[{'url':'a','requests':" #a                                 \
    ",'failures':1},{'url':'b','requests':" #b ",'failures':0}]}]}"

static void test_backends_are_compared_by_name(void **state)
{
    struct top_sample before = top_case_sample(BACKENDS(10, 20), 1000);
    struct top_sample now = top_case_sample(BACKENDS(15, 4), 3000);
    struct top_rates rates;

    (void)state;
    top_rates_init(&rates, &before, &now);
    assert_true(rates.backends[0].is_known);
    assert_int_equal(rates.backends[0].requests, 5);
    assert_int_equal(rates.backends[0].failures, 0);
    assert_int_equal(rates.backends[1].requests, 4); /* it fell from 20: since then 4 */
    top_rates_deinit(&rates);
    top_sample_deinit(&before);
    top_sample_deinit(&now);
}

#define DURATIONS(a, b, c)                                                                         \
    PROCESS(1, 1)                                                                                  \
    "'tables':[{'table':'t','duration':[{'us_at_most':100,'count':" #a                             \
    "},{'us_at_most':250,'count':" #b "},{'count':" #c "}]}]}"

static int quantile_between(const char *answer, const char *later, double share)
{
    struct top_sample before = top_case_sample(answer, 1000);
    struct top_sample now = top_case_sample(later, 3000);
    struct top_rates rates;
    int at;

    top_rates_init(&rates, &before, &now);
    at = top_quantile(&rates.tables[0].durations, share);
    top_rates_deinit(&rates);
    top_sample_deinit(&before);
    top_sample_deinit(&now);
    return at;
}

static void test_quantiles_are_of_the_time_between(void **state)
{
    (void)state;
    assert_int_equal(quantile_between(DURATIONS(9, 9, 9), DURATIONS(9, 9, 9), 0.5), -1);
    assert_int_equal(quantile_between(DURATIONS(900, 0, 0), DURATIONS(901, 9, 0), 0.5), 1);
    assert_int_equal(quantile_between(DURATIONS(0, 0, 0), DURATIONS(99, 1, 0), 0.5), 0);
    assert_int_equal(quantile_between(DURATIONS(0, 0, 0), DURATIONS(99, 1, 0), 0.99), 0);
    assert_int_equal(quantile_between(DURATIONS(0, 0, 0), DURATIONS(98, 1, 1), 0.99), 1);
    assert_int_equal(quantile_between(DURATIONS(0, 0, 0), DURATIONS(1, 0, 1), 0.99), 2);
    assert_int_equal(quantile_between(DURATIONS(50, 0, 0), DURATIONS(2, 0, 3), 0.5), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_stats_says),
        cmocka_unit_test(test_reads_anything),
        cmocka_unit_test(test_rates_are_never_negative),
        cmocka_unit_test(test_backends_are_compared_by_name),
        cmocka_unit_test(test_quantiles_are_of_the_time_between),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
