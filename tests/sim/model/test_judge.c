#include "judge.h"

#include "fake_run.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char wrong_value[] = "a wrong value", false_miss[] = "a false miss",
                  failed[] = "a lookup failed, and nothing was wrong";

enum { PLAIN, CACHED, SEVERAL, HELD, NAMED, PROGRAM, DNS, JSON, TABLES };

struct fixture {
    struct scene scene;
    struct truth *store;
    struct truth *stores[1];
    struct truth_key *key;
    struct ledger *ledger;
    const struct scene_table *tables; /* of the scene */
    const struct scene_backend *web;
    struct judge_rows *rows;
};

static void make_table(struct fixture *f, size_t place, const char *name, enum scene_type type)
{
    struct scene_table *table = &f->scene.tables[place];

    *table = (struct scene_table){.name = name, .type = type, .backend_count = 1};
    table->backends[0] = &f->scene.backends[type == SCENE_PROGRAM ? 2 : 0];
    table->timeout_ns = table->timeout_most_ns = table->timeout_least_ns = seconds(5);
    table->connect_timeout_ns = seconds(2);
    table->retries = 1;
    table->processes = 2;
}

static void make_tables(struct fixture *f)
{
    struct scene_table *tables = f->scene.tables;

    make_table(f, PLAIN, "plain", SCENE_URL);
    make_table(f, CACHED, "cached", SCENE_URL);
    tables[CACHED].ttl_ns = tables[CACHED].ttl_most_ns = seconds(10);
    tables[CACHED].negative_ttl_most_ns = seconds(1);
    tables[CACHED].stale_most_ns = seconds(60);
    tables[CACHED].is_shared = tables[CACHED].was_shared = true;
    make_table(f, SEVERAL, "several", SCENE_URL);
    tables[SEVERAL].backends[1] = &f->scene.backends[1];
    tables[SEVERAL].backend_count = 2;
    make_table(f, HELD, "held", SCENE_URL);
    tables[HELD].was_write_behind = true;
    make_table(f, NAMED, "named", SCENE_URL);
    tables[NAMED].is_named = true;
    make_table(f, PROGRAM, "program", SCENE_PROGRAM);
    make_table(f, DNS, "dns", SCENE_DNS);
    make_table(f, JSON, "json", SCENE_JSON);
    f->scene.table_count = TABLES;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    fake_now_ns = seconds(1000);
    f->stores[0] = f->store = truth_new("store", seconds(1000));
    f->ledger = ledger_new();
    f->scene.shutdown_timeout_ns = seconds(10);
    f->scene.backend_count = 3;
    for (size_t i = 0; i < 3; i++)
        f->scene.backends[i].name = "web";
    make_tables(f);
    f->tables = f->scene.tables;
    f->web = f->scene.backends;
    f->key = truth_add(f->store, "key", 3);
    judge_init(&f->scene, f->stores, f->ledger);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    if (f->rows != NULL)
        judge_rows_left(&f->rows);
    judge_deinit();
    ledger_free(&f->ledger);
    truth_free(&f->store);
    free(f);
    return 0;
}

static void pass(double s)
{
    fake_now_ns += seconds(s);
}

static void put(struct fixture *f, const char *text)
{
    struct truth_value *value = text == NULL ? NULL : truth_value_string(text, strlen(text));

    truth_put(f->key, value, sim_now());
    truth_value_unref(&value);
}

static const char suspended[] = "!suspended after failures; the last one: why";

/* Judges a lookup that took so long: its value, a miss with NULL, or a failure with "!". */
static void look(struct fixture *f, int table, double took_s, const char *answer)
{
    const struct judge_lookup lookup = {.table = &f->tables[table],
                                        .key = "key",
                                        .protocol = TRUTH_DOVECOT,
                                        .sent_ns = sim_now() - seconds(took_s)};
    const enum judge_status status = answer == NULL     ? JUDGE_MISS
                                     : answer[0] == '!' ? JUDGE_FAILED
                                                        : JUDGE_FOUND;

    judge_lookup(&lookup, status, answer, answer == NULL ? 0 : strlen(answer));
}

/* Values */

static void a_plain_table_has_what_the_store_had(void **state)
{
    struct fixture *f = *state;

    put(f, "v1");
    pass(10);
    put(f, "v2");
    pass(1);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.5, "v2"));
    ASSERT_BREAKS(NULL, look(f, PLAIN, 1.5, "v1"));
    ASSERT_BREAKS(wrong_value, look(f, PLAIN, 0.5, "v1"));
    ASSERT_BREAKS(wrong_value, look(f, PLAIN, 1.5, "v3"));
    ASSERT_BREAKS(false_miss, look(f, PLAIN, 1.5, NULL));
    put(f, NULL);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.5, NULL));
}

static void a_cache_has_older_values(void **state)
{
    struct fixture *f = *state;

    put(f, "v1");
    pass(30);
    put(f, "v2");
    pass(14);
    ASSERT_BREAKS(NULL, look(f, CACHED, 0, "v1"));
    ASSERT_BREAKS(NULL, look(f, CACHED, 0, "v2"));
    ASSERT_BREAKS(false_miss, look(f, CACHED, 0, NULL));
    pass(3);
    ASSERT_BREAKS(wrong_value, look(f, CACHED, 0, "v1")); /* 10 s, a tenth, and a timeout of 5 s */
    put(f, NULL);
    pass(5);
    put(f, "v3");
    pass(6);
    ASSERT_BREAKS(NULL, look(f, CACHED, 0, NULL));
    pass(1);
    ASSERT_BREAKS(false_miss, look(f, CACHED, 0, NULL));
}

static void an_outage_lets_stale_values_answer(void **state)
{
    struct fixture *f = *state;

    put(f, "v1");
    pass(100);
    put(f, "v2");
    pass(30);
    ASSERT_BREAKS(wrong_value, look(f, CACHED, 0, "v1"));
    judge_out(f->web, JUDGE_REFUSED);
    ASSERT_BREAKS(NULL, look(f, CACHED, 0, "v1"));
    ASSERT_BREAKS(wrong_value, look(f, PLAIN, 0, "v1"));
    pass(60);
    ASSERT_BREAKS(wrong_value, look(f, CACHED, 0, "v1"));
}

static void a_new_process_has_an_empty_cache(void **state)
{
    struct fixture *f = *state;

    put(f, "v1");
    pass(1);
    put(f, "v2");
    judge_stopping();
    judge_stopped();
    pass(1);
    judge_started();
    pass(5);
    ASSERT_BREAKS(wrong_value, look(f, CACHED, 0, "v1"));
    ASSERT_BREAKS(NULL, look(f, CACHED, 0, "v2"));
}

/* Writes */

static struct ledger_tx *write_key(struct fixture *f, int table, const char *value)
{
    struct ledger_tx *tx = ledger_begin(f->ledger, &f->tables[table], 1);

    ledger_change(tx, LEDGER_SET, f->key, value);
    ledger_sent(tx, sim_now());
    return tx;
}

static void make_write(struct fixture *f, int table, const char *value, const char *json,
                       const struct ledger_tx *tx)
{
    const struct ledger_arrival arrival = {.table = &f->tables[table],
                                           .key = f->key,
                                           .value = json,
                                           .value_len = strlen(json),
                                           .number = ledger_number(tx)};

    put(f, value);
    ledger_arrived(f->ledger, &arrival, LEDGER_MADE, sim_now());
}

static void a_write_empties_the_cache(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx;

    put(f, "v1");
    pass(1);
    tx = write_key(f, CACHED, "w1");
    make_write(f, CACHED, "w1", "\"w1\"", tx);
    pass(0.1);
    judge_write(&tx, &f->tables[CACHED], LEDGER_DONE, NULL, sim_now(), 0);
    ASSERT_BREAKS(NULL, look(f, CACHED, 0.05, "v1")); /* it was sent before the answer */
    pass(0.1);
    ASSERT_BREAKS(wrong_value, look(f, CACHED, 0.05, "v1"));
    ASSERT_BREAKS(NULL, look(f, CACHED, 0.05, "w1"));
}

static void a_pending_write_hides_the_store(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx;

    put(f, "v1");
    tx = write_key(f, HELD, "w1");
    judge_write(&tx, &f->tables[HELD], LEDGER_DONE, NULL, sim_now(), 0);
    pass(1);
    ASSERT_BREAKS(NULL, look(f, HELD, 0.1, "w1"));
    ASSERT_BREAKS(wrong_value, look(f, HELD, 0.1, "v1"));
    judge_out(f->web, JUDGE_STATUS);
    ASSERT_BREAKS("a pending write is not found", look(f, HELD, 0.1, "!"));
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, "v1"));
}

static void a_failed_write_needs_an_excuse(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx = write_key(f, PLAIN, "w1");

    ASSERT_BREAKS("a write failed, and nothing was wrong",
                  judge_write(&tx, &f->tables[PLAIN], LEDGER_FAILED, "?", sim_now(), 0));
    judge_harm(f->web, f->key, JUDGE_HARM_STATUS);
    ASSERT_BREAKS(NULL, judge_write(&tx, &f->tables[PLAIN], LEDGER_FAILED, "?", sim_now(), 0));
}

/* Failures */

static void nothing_excuses_nothing(void **state)
{
    struct fixture *f = *state;

    for (volatile int table = 0; table < TABLES; table++) {
        ASSERT_BREAKS(failed, look(f, table, 0.1, "!"));
        ASSERT_BREAKS(failed, look(f, table, 100, "!"));
    }
}

static void a_status_excuses_its_key_at_its_time(void **state)
{
    struct fixture *f = *state;

    pass(100);
    judge_harm(f->web, truth_add(f->store, "other", 5), JUDGE_HARM_STATUS);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, "!"));
    judge_harm(f->web, f->key, JUDGE_HARM_STATUS);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, "!"));
    ASSERT_BREAKS(failed, look(f, SEVERAL, 0.1, "!"));
    judge_harm(f->web + 1, f->key, JUDGE_HARM_STATUS);
    ASSERT_BREAKS(NULL, look(f, SEVERAL, 0.1, "!"));
    pass(2);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, "!"));
    ASSERT_BREAKS(NULL, look(f, CACHED, 0.1, "!")); /* it may share an older request */
    pass(5);
    ASSERT_BREAKS(failed, look(f, CACHED, 0.1, "!"));
}

static void each_attempt_must_have_been_cut(void **state)
{
    struct fixture *f = *state;

    judge_harm(f->web, f->key, JUDGE_HARM_CUT);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, "!"));
    judge_harm(f->web, f->key, JUDGE_HARM_CUT);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, "!"));
    pass(5);
    judge_harm(f->web, f->key, JUDGE_HARM_KEPT);
    judge_harm(f->web, f->key, JUDGE_HARM_KEPT);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, "!"));
    judge_harm(f->web, f->key, JUDGE_HARM_CUT);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, "!"));
}

static void a_key_must_hang_for_long_enough(void **state)
{
    struct fixture *f = *state;

    judge_harm(f->web, f->key, JUDGE_HARM_HANG);
    pass(1);
    ASSERT_BREAKS(failed, look(f, PLAIN, 1, "!"));
    pass(4);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 5, "!"));
    ASSERT_BREAKS(failed, look(f, PLAIN, 1, "!"));
    judge_harm_over(f->web, f->key);
    pass(5);
    ASSERT_BREAKS(failed, look(f, PLAIN, 5, "!"));
}

static void refused_connections_are_tried_again(void **state)
{
    struct fixture *f = *state;

    judge_out(f->web, JUDGE_REFUSED);
    pass(1);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, "!"));
    pass(4);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 5, "!"));
    judge_back(f->web, JUDGE_REFUSED);
    pass(1);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0, suspended));
    ASSERT_BREAKS(failed, look(f, PLAIN, 0, "!")); /* it was asked */
    pass(1.5);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0, suspended));
}

/* A request of a table ends at its first backend. */
static void end(struct fixture *f, int table, const char *key, enum judge_outcome outcome)
{
    const struct judge_request request = {.backend = f->tables[table].backends[0],
                                          .table = &f->tables[table],
                                          .key = truth_add(f->store, key, strlen(key))};

    judge_outcome(&request, outcome);
}

static void end_elsewhere(struct fixture *f, const char *key, enum judge_outcome outcome)
{
    const struct judge_request request = {.backend = f->web,
                                          .table = &f->tables[PLAIN],
                                          .key = truth_add(f->store, key, strlen(key)),
                                          .has_other_host = true};

    judge_outcome(&request, outcome);
}

static void an_old_url_has_a_row_of_its_own(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    struct fixture *f = *state;

    for (volatile size_t i = 0; i < 5; i++) {
        ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, suspended));
        end_elsewhere(f, names[i], JUDGE_UNANSWERED);
        end(f, PLAIN, names[i], JUDGE_ANSWERED);
    }
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, suspended));
    end_elsewhere(f, "a", JUDGE_ANSWERED);
    pass(1);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, suspended));
}

static void five_unanswered_keys_suspend_a_url(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    struct fixture *f = *state;

    for (volatile size_t i = 0; i < 5; i++) {
        ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, suspended));
        end(f, PLAIN, names[i], JUDGE_UNANSWERED);
    }
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, suspended));
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, "!")); /* this key did not fail */
    ASSERT_BREAKS(failed,
                  look(f, HELD, 0.1, suspended)); /* each table has its own circuit breaker */
    pass(7);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, suspended));
    pass(1);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, suspended));
    end(f, PLAIN, "a", JUDGE_UNANSWERED);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, suspended));
    end(f, PLAIN, "a", JUDGE_ANSWERED);
    pass(1);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, suspended));
}

static void an_answer_ends_the_row(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    struct fixture *f = *state;

    for (size_t i = 0; i < 5; i++) {
        end(f, PLAIN, names[i], JUDGE_UNANSWERED);
        end(f, PLAIN, "a", i % 2 == 0 ? JUDGE_ANSWERED : JUDGE_STATUS_5XX);
        end(f, CACHED, "a", JUDGE_UNANSWERED); /* one key */
    }
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, suspended));
    ASSERT_BREAKS(failed, look(f, CACHED, 0.1, suspended));
}

static void five_statuses_suspend_one_of_several(void **state)
{
    struct fixture *f = *state;

    judge_harm(f->web + 1, f->key, JUDGE_HARM_STATUS); /* the second URL has failed for the key */
    for (volatile size_t i = 0; i < 5; i++) {
        ASSERT_BREAKS(failed, look(f, SEVERAL, 0.1, "!"));
        end(f, SEVERAL, "a", JUDGE_STATUS_5XX);
    }
    ASSERT_BREAKS(NULL, look(f, SEVERAL, 0.1, "!"));
    end(f, SEVERAL, "b", JUDGE_ANSWERED);
    pass(1);
    judge_harm(f->web + 1, f->key, JUDGE_HARM_STATUS);
    ASSERT_BREAKS(failed, look(f, SEVERAL, 0.1, "!"));
}

static void a_restart_cuts_five_requests(void **state)
{
    struct fixture *f = *state;

    judge_cut(f->web, 4);
    pass(0.5);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, suspended));
    judge_cut(f->web, 1);
    pass(0.5);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, suspended));
    end(f, PLAIN, "a", JUDGE_ANSWERED);
    pass(1);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, suspended));
}

static void a_stop_excuses_after_its_timeout(void **state)
{
    struct fixture *f = *state;

    judge_stopping();
    pass(1);
    ASSERT_BREAKS(failed, look(f, PLAIN, 1, "!"));
    pass(9);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 9.9, "!"));
}

static void an_absent_table_excuses(void **state)
{
    struct fixture *f = *state;

    judge_absent(&f->tables[PLAIN], true);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, "!"));
    ASSERT_BREAKS(failed, look(f, CACHED, 0.1, "!"));
    judge_absent(&f->tables[PLAIN], false);
    pass(1);
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, "!"));
}

static void names_matter_after_a_move(void **state)
{
    struct fixture *f = *state;

    pass(100);
    judge_names(false);
    ASSERT_BREAKS(NULL, look(f, DNS, 0.1, "!"));
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, "!"));
    ASSERT_BREAKS(failed, look(f, NAMED, 0.1, "!"));
    judge_out(f->web, JUDGE_MOVED);
    judge_back(f->web, JUDGE_MOVED);
    pass(1);
    ASSERT_BREAKS(NULL, look(f, NAMED, 0.1, "!"));
    judge_names(true);
    pass(5);
    ASSERT_BREAKS(failed, look(f, NAMED, 0.1, "!"));
    ASSERT_BREAKS(failed, look(f, DNS, 0.1, "!"));
}

static void a_name_is_forgotten_with_its_last_table(void **state)
{
    struct fixture *f = *state;

    f->scene.tables[NAMED].backends[0] = f->scene.tables[JSON].backends[0] = f->web + 1;
    f->scene.tables[SEVERAL].backend_count = 1;
    judge_started();
    pass(100);
    judge_names(false);
    judge_absent(&f->tables[NAMED], true);
    judge_absent(&f->tables[NAMED], false);
    pass(100);
    ASSERT_BREAKS(failed, look(f, NAMED, 0.1, "!")); /* another table has it, too */
    judge_absent(&f->tables[NAMED], true);
    judge_absent(&f->tables[JSON], true);
    judge_absent(&f->tables[JSON], false);
    judge_absent(&f->tables[NAMED], false);
    pass(100);
    ASSERT_BREAKS(NULL, look(f, NAMED, 0.1, "!"));
    end(f, NAMED, "b", JUDGE_ANSWERED); /* podop has asked again meanwhile */
    pass(100);
    ASSERT_BREAKS(failed, look(f, NAMED, 0.1, "!"));
}

static void a_lookup_survives_one_process(void **state)
{
    struct fixture *f = *state;

    judge_program_died(f->web + 2);
    ASSERT_BREAKS(failed, look(f, PROGRAM, 0.1, "!"));
    judge_program_died(f->web + 2);
    ASSERT_BREAKS(NULL, look(f, PROGRAM, 0.1, "!"));
    pass(40);
    ASSERT_BREAKS(failed, look(f, PROGRAM, 0.1, "!"));
}

static void a_timeout_takes_its_time(void **state)
{
    static const char over[] = "!table: no answer within the table's timeout";
    struct fixture *f = *state;

    judge_harm(f->web, f->key, JUDGE_HARM_HANG);
    pass(10);
    ASSERT_BREAKS("a timeout that came too early", look(f, PLAIN, 4, over));
    ASSERT_BREAKS(NULL, look(f, PLAIN, 4.6, over));
    ASSERT_BREAKS(NULL, look(f, CACHED, 0.1, over)); /* it may have joined an earlier lookup */
}

static void nothing_is_excused_after_the_recovery(void **state)
{
    struct fixture *f = *state;

    judge_harm(f->web, f->key, JUDGE_HARM_STATUS);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0, "!"));
    judge_recovered(sim_now());
    ASSERT_BREAKS(failed, look(f, PLAIN, 0, "!"));
}

static void a_json_file_is_read_soon(void **state)
{
    struct fixture *f = *state;

    put(f, "v1");
    pass(100);
    put(f, "v2");
    pass(1);
    ASSERT_BREAKS(NULL, look(f, JSON, 0, "v1"));
    judge_renewed(&f->tables[JSON], sim_now());
    ASSERT_BREAKS(wrong_value, look(f, JSON, 0, "v1"));
    ASSERT_BREAKS(NULL, look(f, JSON, 0.5, "v1")); /* it may have waited for its turn */
    pass(1);
    put(f, "v3");
    judge_file_broken(&f->tables[JSON], true);
    pass(60);
    ASSERT_BREAKS(NULL, look(f, JSON, 0, "v2"));
    judge_file_broken(&f->tables[JSON], false);
    pass(10);
    ASSERT_BREAKS(wrong_value, look(f, JSON, 0, "v2"));
}

/* Time */

static void take(struct fixture *f, double took_s)
{
    judge_time(&f->tables[PLAIN], sim_now() - seconds(took_s), 0, "key");
}

static void answers_come_in_time(void **state)
{
    struct fixture *f = *state;

    pass(100);
    ASSERT_BREAKS(NULL, take(f, 5.05));
    ASSERT_BREAKS("an answer took too long", take(f, 5.2));
    judge_paused(seconds(2));
    pass(2);
    ASSERT_BREAKS(NULL, take(f, 7.3)); /* it catches up */
    ASSERT_BREAKS("an answer took too long", take(f, 7.4));
}

/* Iterations */

static void list(struct fixture *f, const char *const *rows, size_t count)
{
    if (f->rows != NULL)
        judge_rows_left(&f->rows);
    f->rows = judge_rows_begin(&f->tables[PLAIN], "dir/", false, true, sim_now());
    for (size_t i = 0; i < count; i++)
        judge_row(f->rows, rows[i], strlen(rows[i]), "1", 1);
    judge_rows_end(&f->rows, false, NULL);
}

static void an_iteration_has_each_row_once(void **state)
{
    static const char *const rows[] = {"dir/a", "dir/b", "dir/a"}, *const other[] = {"dir/c/d"};
    static const char *const names[] = {"dir/a", "dir/b", "dir/c/d", "key"};
    struct fixture *f = *state;
    struct truth_value *one = truth_value_new("1", 1);

    for (size_t i = 0; i < 4; i++)
        truth_put(truth_add(f->store, names[i], strlen(names[i])), one, sim_now());
    truth_value_unref(&one);
    pass(100);
    ASSERT_BREAKS(NULL, list(f, rows, 2));
    ASSERT_BREAKS("a row is missing", list(f, rows, 1));
    ASSERT_BREAKS("a row twice", list(f, rows, 3));
    ASSERT_BREAKS("a row of another path", list(f, other, 1));
}

/* Searches */

static void put_form(struct fixture *f, const char *name, const char *text)
{
    struct truth_value *value = truth_value_string(text, strlen(text));

    truth_put(truth_add(f->store, name, strlen(name)), value, sim_now());
    truth_value_unref(&value);
}

static void search(struct fixture *f, int table, const char *answer)
{
    const struct judge_lookup lookup = {.table = &f->tables[table],
                                        .key = "bob+news@mail.example",
                                        .protocol = TRUTH_POSTFIX,
                                        .sent_ns = sim_now() - seconds(0.1)};
    const enum judge_status status = answer == NULL             ? JUDGE_MISS
                                     : strcmp(answer, "!") == 0 ? JUDGE_FAILED
                                                                : JUDGE_FOUND;

    judge_lookup(&lookup, status, answer, answer == NULL ? 0 : strlen(answer));
}

static void a_search_gives_the_first_form(void **state)
{
    struct fixture *f = *state;

    f->scene.tables[PLAIN].has_search = true; /* virtual */
    ASSERT_BREAKS(NULL, search(f, PLAIN, NULL));
    put_form(f, "@mail.example", "all");
    pass(1);
    ASSERT_BREAKS(false_miss, search(f, PLAIN, NULL));
    ASSERT_BREAKS(NULL, search(f, PLAIN, "all"));
    put_form(f, "bob@mail.example", "bob");
    pass(1);
    ASSERT_BREAKS(wrong_value, search(f, PLAIN, "all"));
    ASSERT_BREAKS(NULL, search(f, PLAIN, "bob"));
}

static void a_form_that_fails_ends_a_search(void **state)
{
    struct fixture *f = *state;

    f->scene.tables[PLAIN].has_search = f->scene.tables[CACHED].has_search = true;
    put_form(f, "bob@mail.example", "bob");
    put_form(f, "@mail.example", "all");
    pass(100);
    judge_harm(f->web, truth_find(f->store, "bob@mail.example", 16), JUDGE_HARM_STATUS);
    ASSERT_BREAKS(NULL, search(f, PLAIN, "!"));
    ASSERT_BREAKS(wrong_value, search(f, PLAIN, "all"));
    ASSERT_BREAKS(wrong_value, search(f, CACHED, "all")); /* it never was a miss */
    truth_put(truth_find(f->store, "bob@mail.example", 16), NULL, sim_now());
    pass(1);
    judge_harm(f->web, truth_find(f->store, "bob@mail.example", 16), JUDGE_HARM_STATUS);
    ASSERT_BREAKS(NULL, search(f, CACHED, "all"));
}

static void a_404_of_a_proxy_is_a_miss_or_a_failure(void **state)
{
    struct fixture *f = *state;

    put(f, "v1");
    pass(100);
    judge_harm(f->web, f->key, JUDGE_HARM_AS_MISS);
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, NULL));
    ASSERT_BREAKS(failed, look(f, PLAIN, 0.1, "!"));
    f->scene.tables[PLAIN].is_strict = true;
    ASSERT_BREAKS(false_miss, look(f, PLAIN, 0.1, NULL));
    ASSERT_BREAKS(NULL, look(f, PLAIN, 0.1, "!"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_plain_table_has_what_the_store_had),
        CASE(a_cache_has_older_values),
        CASE(an_outage_lets_stale_values_answer),
        CASE(a_new_process_has_an_empty_cache),
        CASE(a_write_empties_the_cache),
        CASE(a_pending_write_hides_the_store),
        CASE(a_failed_write_needs_an_excuse),
        CASE(nothing_excuses_nothing),
        CASE(a_status_excuses_its_key_at_its_time),
        CASE(each_attempt_must_have_been_cut),
        CASE(a_key_must_hang_for_long_enough),
        CASE(refused_connections_are_tried_again),
        CASE(a_search_gives_the_first_form),
        CASE(a_form_that_fails_ends_a_search),
        CASE(a_404_of_a_proxy_is_a_miss_or_a_failure),
        CASE(an_old_url_has_a_row_of_its_own),
        CASE(five_unanswered_keys_suspend_a_url),
        CASE(an_answer_ends_the_row),
        CASE(five_statuses_suspend_one_of_several),
        CASE(a_restart_cuts_five_requests),
        CASE(a_stop_excuses_after_its_timeout),
        CASE(an_absent_table_excuses),
        CASE(names_matter_after_a_move),
        CASE(a_name_is_forgotten_with_its_last_table),
        CASE(a_lookup_survives_one_process),
        CASE(a_timeout_takes_its_time),
        CASE(nothing_is_excused_after_the_recovery),
        CASE(a_json_file_is_read_soon),
        CASE(answers_come_in_time),
        CASE(an_iteration_has_each_row_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
