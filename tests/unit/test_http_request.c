/* Freed memory contains no secrets of headers. */
#include "http_fixture.h"

#include <malloc.h>

static size_t wiped;         /* bytes */
static unsigned left_copies; /* buffers with a secret that had to move */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
void __real_explicit_bzero(void *bytes, size_t len);
void __wrap_explicit_bzero(void *bytes, size_t len);

void __wrap_explicit_bzero(void *bytes, size_t len)
{
    wiped += len;
    __real_explicit_bzero(bytes, len);
}

void *__real_realloc(void *bytes, size_t len);
void *__wrap_realloc(void *bytes, size_t len);

void *__wrap_realloc(void *bytes, size_t len)
{
    if (bytes != NULL && memmem(bytes, malloc_usable_size(bytes), "s3cret", 6) != NULL)
        left_copies++;
    return __real_realloc(bytes, len);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

#include "fortified_wipe.h"

static void test_headers_are_wiped(void **state)
{
    struct http_fixture *f = *state;
    static const char *const headers[] = {"Authorization: Bearer s3cret", "A: b"};
    const struct http_site_config config = {
        .base = f->backend.base, .headers = headers, .header_count = ARRAY_LEN(headers)};
    struct error err = {0};
    struct http_site *other = http_site_open(f->http, &config, &err);

    wiped = 0;
    http_site_close(&other);
    assert_true(wiped >= strlen(headers[0]) + strlen(headers[1])); /* and User-Agent */
}

/* Buffers that grow leave no copies of secrets. */
static void test_headers_leave_no_copies(void **state)
{
    struct http_fixture *f = *state;
    enum { LONG = 4000 };
    static char filler[LONG] = "A: ";
    static const char *const headers[] = {"Authorization: Bearer s3cret", filler, "B: b"};
    const struct http_site_config config = {.base = f->backend.base,
                                            .connect_timeout_ms = 5000,
                                            .headers = headers,
                                            .header_count = ARRAY_LEN(headers)};
    struct http_caller c = {0};
    struct error err = {0};
    struct http_site *other;

    memset(filler + 3, 'x', LONG - 4);
    left_copies = 0;
    other = http_site_open(f->http, &config, &err);
    assert_int_equal(left_copies, 0);
    http_caller_start_request(
        &c, other,
        &(struct http_request){.method = "DELETE",
                               .target = filler,
                               .headers = {filler, filler, filler, filler},
                               .body = span_of(filler),
                               .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
    assert_int_equal(left_copies, 0);
    http_cancel(&c.call);
    http_site_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_headers_are_wiped),
        HTTP_TEST(test_headers_leave_no_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
