#include "unit.h"

#include "protocol/protocols.h"

static const struct protocol_ops *expected(enum listen_mode mode, unsigned byte)
{
    const bool is_auto = mode == MODE_AUTO;

    if (byte >= '0' && byte <= '9' && (is_auto || mode == MODE_POSTFIX))
        return &protocol_socketmap;
    if (byte == 'H' && (is_auto || mode == MODE_DOVECOT))
        return &protocol_dict;
    return byte == '{' && mode == MODE_CONTROL ? &protocol_control : NULL;
}

static void test_protocol_find_by_each_first_byte(void **state)
{
    (void)state;
    for (enum listen_mode mode = MODE_AUTO; mode <= MODE_CONTROL; mode++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            if (protocol_find(mode, (char)byte) != expected(mode, byte))
                fail_msg("mode %d, byte 0x%02x", (int)mode, byte);
        }
    }
}

/* At most one protocol claims a first byte. */
static void test_protocols_share_no_first_byte(void **state)
{
    (void)state;
    for (unsigned mode = MODE_AUTO; mode <= MODE_CONTROL; mode++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            unsigned claims = 0;

            for (size_t i = 0; protocols[i] != NULL; i++)
                claims +=
                    (protocols[i]->modes & 1u << mode) != 0 && protocols[i]->claims((char)byte);
            if (claims > 1)
                fail_msg("mode %u, byte 0x%02x", mode, byte);
        }
    }
}

static void test_protocols_are_complete(void **state)
{
    (void)state;
    for (size_t i = 0; protocols[i] != NULL; i++) {
        const struct protocol_ops *p = protocols[i];

        if (p->name == NULL || p->modes == 0 || p->claims == NULL || p->open == NULL ||
            p->feed == NULL || p->pending == NULL || p->is_full == NULL || p->close == NULL)
            fail_msg("protocol %zu", i);
    }
}

static void test_protocol_refusal(void **state)
{
    static const struct {
        enum listen_mode mode;
        const char *text;
    } cases[] = {
        {MODE_AUTO, "is neither socketmap nor dict"},
        {MODE_POSTFIX, "is not socketmap"},
        {MODE_DOVECOT, "is not dict"},
        {MODE_CONTROL, "is not control"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text;

        buf_init(&text, 100);
        protocol_add_refusal(&text, cases[i].mode);
        assert_string_equal(buf_string(&text), cases[i].text);
        buf_deinit(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protocol_find_by_each_first_byte),
        cmocka_unit_test(test_protocols_share_no_first_byte),
        cmocka_unit_test(test_protocols_are_complete),
        cmocka_unit_test(test_protocol_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
