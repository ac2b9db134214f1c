#include "unit.h"

#include "podop/http.h"
#include "podop/mem.h"
#include "podop/table.h"
#include "table/url/url_template.h"

#include "table/dns/dns_settings.h"
#include "table/identity.h"
#include "table/table_type.h"
#include "table/url/url_settings.h"

#include <ev.h>

#include <stdio.h>

/* Keys must have the same identity if, and only if, they lead to the same URLs. */

static struct ev_loop *loop;
static struct http *http;
static struct log quiet;

static int setup(void **state)
{
    const struct pool_config pool = {8, 1000, 60000};
    struct error err = {0};

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    http = http_new(loop, &pool, &err);
    return http == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    http_free(&http);
    ev_loop_destroy(loop);
    return 0;
}

static struct table *open_url(const char *const urls[], size_t count, enum url_encode encode)
{
    static char name[] = "t", type[] = "url";
    const struct table_env env = {.loop = loop, .http = http, .log = &quiet};
    char *texts[4];
    struct url_settings settings = {
        .connect_timeout_ms = 1000, .max_response = 1000, .encode = encode};
    struct table_config config = {
        .name = name, .type = type, .timeout_ms = 1000, .settings = &settings};
    struct error err = {0};
    struct table *t;

    for (size_t i = 0; i < count; i++)
        texts[i] = xstrdup(urls[i]);
    config.param = texts[0];
    config.fallbacks = (struct string_list){texts + 1, count - 1};
    t = table_open(&config, &env, &err);
    if (t == NULL)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    return t;
}

static const struct table_key keys[] = {
    {.key = TEXT("k")},
    {.key = TEXT("k/u")},
    {.key = TEXT("k"), .user = TEXT("u"), .is_private = true},
    {.key = TEXT("k"), .user = TEXT("v"), .is_private = true},
    {.key = TEXT("k/u"), .user = TEXT("v"), .is_private = true},
    {.key = TEXT("k"), .user = TEXT("u/v"), .is_private = true},
    {.key = TEXT("k/u/v")},
    {.key = TEXT("b/c"), .user = TEXT("a"), .is_private = true},
    {.key = TEXT("c"), .user = TEXT("a/b"), .is_private = true},
    {.key = TEXT("b/c/a")},
    {.key = TEXT("")},
    {.key = TEXT("/")},
    {.key = TEXT(""), .user = TEXT(""), .is_private = true},
    {.key = TEXT("u"), .user = TEXT("k"), .is_private = true},
    {.key = TEXT("k%2Fu")},
    {.key = TEXT("k%u")},
    {.key = TEXT("K")},
    {.key = TEXT("k\0")},
    {.key = TEXT("\0k")},
    {.key = TEXT("k\n")},
    {.key = TEXT("k\nu")},
    {.key = TEXT("?k")},
    {.key = TEXT("k&u=u")},
    {.key = TEXT("\xc3\xa4")},
    {.key = TEXT("\xff")},
    {.key = TEXT("a.b@c.example"), .user = TEXT("x@y.example"), .is_private = true},
    {.key = TEXT("a.b@c.example/x@y.example")},
};

/* Appends all URLs of key, each after its number. */
static bool targets_of(struct url_template *const templates[], size_t count,
                       const struct table_key *key, bool keep_slash, struct buf *out)
{
    const struct url_expansion how = {
        .table = SPAN("t"), .delimiters = "", .keep_slash = keep_slash};
    bool are_good = true;

    buf_init(out, SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        are_good &= url_template_expand(templates[i], key, &how, out) == URL_TARGET_OK;
        buf_add_char(out, ' ');
    }
    return are_good;
}

static void check_pair(struct table *t, struct url_template *const templates[], size_t count,
                       bool keep_slash, const struct table_key *a, const struct table_key *b)
{
    struct identity of_a, of_b;
    struct buf urls_of_a, urls_of_b;
    const bool is_a_good = targets_of(templates, count, a, keep_slash, &urls_of_a);
    const bool is_b_good = targets_of(templates, count, b, keep_slash, &urls_of_b);

    identity_of(&of_a, t, a);
    identity_of(&of_b, t, b);
    if (is_a_good && is_b_good &&
        span_equal(of_a.bytes, of_b.bytes) !=
            span_equal(buf_span(&urls_of_a), buf_span(&urls_of_b)))
        fail_msg("%s and %s", buf_string(&urls_of_a), buf_string(&urls_of_b));
    identity_free(&of_a);
    identity_free(&of_b);
    buf_deinit(&urls_of_a);
    buf_deinit(&urls_of_b);
}

static void check_urls(const char *const urls[], size_t count)
{
    for (enum url_encode encode = ENCODE_PATH; encode <= ENCODE_COMPONENT; encode++) {
        struct table *t = open_url(urls, count, encode);
        struct url_template *templates[4];
        struct error err = {0};

        for (size_t i = 0; i < count; i++)
            templates[i] = url_template_new(urls[i], &err);
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            for (size_t j = 0; j < ARRAY_LEN(keys); j++)
                check_pair(t, templates, count, encode == ENCODE_PATH, &keys[i], &keys[j]);
        }
        for (size_t i = 0; i < count; i++)
            url_template_free(&templates[i]);
        table_unref(&t);
    }
}

static const char *const templates[] = {
    "http://h/{key}",
    "http://h/x/{key}?y=1",
    "http://h/?k={key}",
    "http://h/{user}/{key}",
    "http://h/{key}/{user}",
    "http://h/{user}{key}",
    "http://h/u/{user}/k/{key}",
    "http://h/?u={user}&k={key}",
    "http://h/{key}?u={user}&k={key}",
    "http://h/{user}",
    "http://h/fixed",
    "http://h/{key}/{key}",
    "http://h/{domain}/{key}",
    "http://h/{domain}/{local}",
    "http://h/{key}?l={local}&e={extension}",
    "http://h/{user}/{domain}",
    "http://h/{table}/{key}",
    "http://h/{table}/{domain}/{key}",
};

static void test_identity_is_that_of_the_url(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(templates); i++)
        check_urls(&templates[i], 1);
}

/* With several URLs, all of them have to be the same. */
static void test_identity_of_several_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        for (size_t j = 0; j < ARRAY_LEN(templates); j++)
            check_urls((const char *const[]){templates[i], templates[j]}, 2);
    }
}

static bool has_url(const char *text, const struct table_key *key)
{
    struct error err = {0};
    struct url_template *template = url_template_new(text, &err);
    struct buf url;
    const bool has_one = targets_of(&template, 1, key, true, &url);

    url_template_free(&template);
    buf_deinit(&url);
    return has_one;
}

/* A key without a URL is the same as no other key. */
static void test_identity_without_url(void **state)
{
    static const struct table_key none[] = {
        {.key = TEXT("..")},
        {.key = TEXT("."), .user = TEXT("u"), .is_private = true},
        {.key = TEXT("a/../b")},
        {.key = TEXT("u"), .user = TEXT(".."), .is_private = true},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(templates); n++) {
        struct table *t = open_url(&templates[n], 1, ENCODE_PATH);

        for (size_t i = 0; i < ARRAY_LEN(none); i++) {
            struct identity id;

            if (has_url(templates[n], &none[i]))
                continue;
            identity_of(&id, t, &none[i]);
            for (size_t j = 0; j < ARRAY_LEN(keys); j++) {
                struct identity other;

                identity_of(&other, t, &keys[j]);
                assert_false(span_equal(id.bytes, other.bytes));
                identity_free(&other);
            }
            identity_free(&id);
        }
        table_unref(&t);
    }
}

static void test_identity_plain_is_the_key(void **state)
{
    static const char *const urls[] = {"http://h/{key}", "http://other/x/{key}?y={key}"};
    struct table *t = open_url(urls, 2, ENCODE_PATH);
    struct identity id;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        identity_of(&id, t, &keys[i]);
        assert_true(id.is_plain);
        if (!keys[i].is_private)
            assert_ptr_equal(id.bytes.ptr, keys[i].key.ptr);
        identity_free(&id);
    }
    table_unref(&t);
}

static void test_identity_split_tells_all_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        for (size_t j = 0; j < ARRAY_LEN(keys); j++) {
            struct identity a, b;

            identity_split(&a, &keys[i]);
            identity_split(&b, &keys[j]);
            assert_int_equal(span_equal(a.bytes, b.bytes), i == j);
            identity_free(&a);
            identity_free(&b);
        }
    }
}

/* Short identities are in a buffer on the stack, long ones are allocated. */
static void test_identity_of_any_length(void **state)
{
    enum { LEN_MAX = 2 * IDENTITY_USUAL_BYTES };
    char text[LEN_MAX];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t len = 0; len < LEN_MAX; len++) {
        const struct table_key key = {
            .key = {text, len}, .user = {text, LEN_MAX - len}, .is_private = true};
        struct identity plain, split;

        identity_plain(&plain, &key);
        identity_split(&split, &key);
        assert_int_equal(plain.bytes.len, LEN_MAX + 1);
        assert_int_equal(plain.bytes.ptr[len], '/');
        assert_int_equal(split.bytes.len, LEN_MAX + 2);
        identity_free(&plain);
        identity_free(&split);
    }
}

static void check_dns(const char *a, const char *b, bool are_one)
{
    static char name[] = "d", type[] = "dns", param[] = "mx.example";
    static char server[] = "127.0.0.1:1";
    char *servers[] = {server};
    const struct table_env env = {.loop = loop, .log = &quiet};
    struct dns_settings settings = {.servers = {servers, 1}};
    const struct table_config config = {
        .name = name, .type = type, .param = param, .timeout_ms = 1000, .settings = &settings};
    struct error err = {0};
    struct table *t = table_open(&config, &env, &err);
    struct identity of_a, of_b;

    assert_non_null(t);
    identity_of(&of_a, t, &(struct table_key){.key = span_of(a)});
    identity_of(&of_b, t, &(struct table_key){.key = span_of(b)});
    assert_int_equal(span_equal(of_a.bytes, of_b.bytes), are_one);
    identity_free(&of_a);
    identity_free(&of_b);
    table_unref(&t);
}

static void test_identity_of_dns_is_the_domain(void **state)
{
    (void)state;
    check_dns("a@dom.example", "b@dom.example", true);
    check_dns("a@dom.example", "dom.example", true);
    check_dns("a@DOM.example.", "dom.example", true);
    check_dns("a@b\xc3\xbc"
              "cher.example",
              "xn--bcher-kva.example", true);
    check_dns("a@dom.example", "a@other.example", false);
    check_dns("a@no host", "b@no host", false);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_identity_is_that_of_the_url),
        WITH(test_identity_of_several_urls),
        WITH(test_identity_without_url),
        WITH(test_identity_plain_is_the_key),
        cmocka_unit_test(test_identity_split_tells_all_apart),
        cmocka_unit_test(test_identity_of_any_length),
        WITH(test_identity_of_dns_is_the_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
