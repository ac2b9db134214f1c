#include "unit.h"

#include "config/string_list.h"
#include "config/tree.h"

static void test_tree_find(void **state)
{
    struct node *group = node_new(NODE_GROUP, NULL, "f:1");
    struct node *list = node_new(NODE_LIST, "list", "f:2");

    (void)state;
    for (int i = 0; i < 9; i++) { /* also when the room for children grows */
        char name[] = {(char)('a' + i), '\0'};

        node_add(group, node_new_string(name, "text", "f:3"));
    }
    node_add(group, list);
    assert_int_equal(group->count, 10);
    assert_string_equal(node_find(group, "i")->name, "i");
    assert_string_equal(node_find_text(group, "a"), "text");
    assert_null(node_find(group, "z"));
    assert_ptr_equal(node_find(group, "list"), list);
    assert_null(node_find_text(group, "list"));
    assert_null(node_find(list, "a"));
    assert_null(node_find(NULL, "a"));
    assert_null(node_find_text(NULL, "a"));
    node_free(&group);
    assert_null(group);
    node_free(&group);
}

static void test_tree_assign_keeps_the_name(void **state)
{
    struct node *node = node_new_string("name", "old", "f:1");
    struct node *value = node_new_string("other", "new", "--set name=new");

    (void)state;
    node_assign(node, &value);
    assert_null(value);
    assert_string_equal(node->name, "name");
    assert_string_equal(node->text, "new");
    assert_string_equal(node->origin, "--set name=new");
    node_free(&node);
}

static void test_tree_describe(void **state)
{
    static char text[] = "x",
                long_text[] = "123456789012345678901234567890123456789012345678901234567890+";
    static const struct {
        struct node node;
        const char *text;
    } cases[] = {
        {{.kind = NODE_GROUP}, "a group"},
        {{.kind = NODE_LIST}, "a list"},
        {{.kind = NODE_ARRAY}, "an array"},
        {{.kind = NODE_INTEGER, .integer = -42}, "-42"},
        {{.kind = NODE_FLOAT, .real = 1.5}, "1.5"},
        {{.kind = NODE_BOOL, .integer = 1}, "true"},
        {{.kind = NODE_BOOL}, "false"},
        {{.kind = NODE_STRING, .text = text}, "\"x\""},
        {{.kind = NODE_STRING, .text = long_text},
         "\"123456789012345678901234567890123456789012345678901234567890...\""},
    };
    char out[100];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        node_describe(&cases[i].node, out, sizeof(out));
        if (strcmp(out, cases[i].text) != 0)
            fail_msg("case %zu: %s is not %s", i, out, cases[i].text);
    }
}

static void collect(void *arg, const char *text)
{
    string_list_add(arg, text);
}

static void test_tree_faults_are_one_line(void **state)
{
    struct string_list reported = {0}, warnings = {0};
    struct faults faults = {collect, &reported, 0, &warnings};

    (void)state;
    fault_add(&faults, "f\n:1", "a\tb %d \x7f", 5);
    fault_warn(&faults, "f:2", "%s", "w\r");
    assert_int_equal(faults.count, 1);
    assert_int_equal(reported.count, 1);
    assert_string_equal(reported.items[0], "f\\x0a:1: a\\x09b 5 \\x7f");
    assert_int_equal(warnings.count, 1);
    assert_string_equal(warnings.items[0], "f:2: warning: w\\x0d");
    string_list_clear(&reported);
    string_list_clear(&warnings);
}

/* A long origin leaves room for the message. */
static void test_tree_fault_with_a_long_origin(void **state)
{
    struct string_list reported = {0};
    struct faults faults = {collect, &reported, 0, NULL};
    char *origin = xmalloc(100001);

    (void)state;
    memset(origin, 'o', 100000);
    origin[100000] = '\0';
    fault_add(&faults, origin, "the end");
    assert_true(strlen(reported.items[0]) < 20000);
    assert_non_null(strstr(reported.items[0], "ooo: the end"));
    free(origin);
    string_list_clear(&reported);
}

static void test_tree_faults_without_a_reader(void **state)
{
    struct faults faults = {0};

    (void)state;
    fault_add(&faults, "f:1", "fault");
    fault_warn(&faults, "f:1", "warning");
    assert_int_equal(faults.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_find),
        cmocka_unit_test(test_tree_assign_keeps_the_name),
        cmocka_unit_test(test_tree_describe),
        cmocka_unit_test(test_tree_faults_are_one_line),
        cmocka_unit_test(test_tree_fault_with_a_long_origin),
        cmocka_unit_test(test_tree_faults_without_a_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
