#include "unit.h"

#include "podop/secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t wiped; /* bytes, since the test began */
static char last_wiped[64];

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
void __real_explicit_bzero(void *bytes, size_t len);
void __wrap_explicit_bzero(void *bytes, size_t len);

void __wrap_explicit_bzero(void *bytes, size_t len)
{
    snprintf(last_wiped, sizeof(last_wiped), "%.*s", (int)len, (char *)bytes);
    wiped += len;
    __real_explicit_bzero(bytes, len);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

#include "fortified_wipe.h"

static int enter(void **state)
{
    char name[] = "/tmp/podop-test-secret-XXXXXX";

    if (mkdtemp(name) == NULL || chdir(name) == -1)
        return -1;
    *state = xstrdup(name);
    return 0;
}

static int leave(void **state)
{
    unlink("f");
    rmdir("d");
    if (chdir("/") == -1 || rmdir(*state) == -1)
        return -1;
    free(*state);
    return 0;
}

static void write_file(struct span bytes, mode_t mode)
{
    int fd;

    unlink("f"); /* its mode may forbid to open it again */
    fd = open("f", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void assert_line(struct span file, struct span line)
{
    struct error err = {0};
    struct secret *s;

    write_file(file, 0600);
    s = secret_read_line("f", &err);
    assert_string_equal(err.text, "");
    if (s == NULL) {
        fail();
        return; /* the compiler does not know that fail() never returns */
    }
    assert_true(span_equal(secret_span(s), line));
    assert_int_equal(strlen(secret_text(s)), line.len);
    secret_free(&s);
    assert_null(s);
}

static void assert_no_line(struct span file, const char *text)
{
    struct error err = {0};

    write_file(file, 0600);
    assert_null(secret_read_line("f", &err));
    assert_string_equal(err.text, text);
    assert_int_equal(err.kind, ERR_CONFIG);
}

static void test_secret_first_line(void **state)
{
    (void)state;
    assert_line(SPAN("s3cret"), SPAN("s3cret"));
    assert_line(SPAN("s3cret\n"), SPAN("s3cret"));
    assert_line(SPAN("s3cret\r\n"), SPAN("s3cret"));
    assert_line(SPAN(" s3 cret \n"), SPAN(" s3 cret "));
    assert_line(SPAN("s\xc3\xa9\xff\n"), SPAN("s\xc3\xa9\xff"));
    assert_line(SPAN("one\ntwo\0\n"), SPAN("one")); /* the rest is ignored */
}

static void test_secret_lines_refused(void **state)
{
    static const char control[] = "f: the first line has a control byte";

    (void)state;
    assert_no_line(SPAN(""), "f: the first line is empty");
    assert_no_line(SPAN("\nx"), "f: the first line is empty");
    assert_no_line(SPAN("\r\nx"), "f: the first line is empty");
    assert_no_line(SPAN("a\0b\n"), control);
    assert_no_line(SPAN("a\tb\n"), control);
    assert_no_line(SPAN("a\rb\n"), control);
    assert_no_line(SPAN("a\r\r\n"), control);
    assert_no_line(SPAN("a\r"), control);
    assert_no_line(SPAN("a\x7f\n"), control);
}

static void test_secret_longest_line(void **state)
{
    char text[SECRET_LINE_BYTES_MAX + 100];
    const struct span longest = {text, SECRET_LINE_BYTES_MAX};

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_line(longest, longest);
    text[SECRET_LINE_BYTES_MAX] = '\r';
    text[SECRET_LINE_BYTES_MAX + 1] = '\n';
    assert_line((struct span){text, sizeof(text)}, longest);
    text[SECRET_LINE_BYTES_MAX] = 'x';
    assert_no_line((struct span){text, sizeof(text)}, "f: the first line has more than 8192 bytes");
    memset(text, 'x', sizeof(text));
    assert_no_line((struct span){text, sizeof(text)}, "f: the first line has more than 8192 bytes");
    assert_no_line((struct span){text, SECRET_LINE_BYTES_MAX + 1},
                   "f: the first line has more than 8192 bytes");
}

static void test_secret_no_file(void **state)
{
    struct error err = {0};

    (void)state;
    assert_null(secret_read_line("nosuch", &err));
    assert_string_equal(err.text, "nosuch: No such file or directory");
    assert_int_equal(mkdir("d", 0700), 0);
    assert_null(secret_read_line("d", &err));
    assert_string_equal(err.text, "d: not a regular file");
    assert_null(secret_read_file("d", &err));
    assert_string_equal(err.text, "d: not a regular file");
    assert_null(secret_read_line("/dev/null", &err));
    assert_string_equal(err.text, "/dev/null: not a regular file");
}

static void test_secret_whole_file(void **state)
{
    const size_t len = SECRET_FILE_BYTES_MAX + 1;
    char *bytes = xcalloc(len, 1);
    struct error err = {0};
    struct secret *s;

    (void)state;
    write_file((struct span){bytes, len - 1}, 0600);
    s = secret_read_file("f", &err);
    assert_non_null(s);
    assert_true(span_equal(secret_span(s), (struct span){bytes, len - 1}));
    secret_free(&s);
    write_file((struct span){bytes, len}, 0600);
    assert_null(secret_read_file("f", &err));
    assert_string_equal(err.text, "f: the file is larger than 65536 bytes");
    write_file(SPAN(""), 0600);
    assert_null(secret_read_file("f", &err));
    assert_string_equal(err.text, "f: the file is empty");
    free(bytes);
}

static void test_secret_exposed(void **state)
{
    static const mode_t closed[] = {0600, 0640, 0660, 0400, 0642}, open_to_all[] = {0644, 0604};
    struct error err = {0};
    struct secret *s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        write_file(SPAN("x"), closed[i]);
        s = secret_read_line("f", &err);
        assert_false(secret_is_exposed(s));
        secret_free(&s);
    }
    for (size_t i = 0; i < ARRAY_LEN(open_to_all); i++) {
        write_file(SPAN("x"), open_to_all[i]);
        s = secret_read_line("f", &err);
        assert_true(secret_is_exposed(s));
        secret_free(&s);
        s = secret_read_file("f", &err);
        assert_true(secret_is_exposed(s));
        secret_free(&s);
    }
}

/* RFC 4648 section 10, and every kind of byte. */
static void test_secret_base64(void **state)
{
    static const struct {
        struct span plain;
        const char *coded;
    } cases[] = {
        {TEXT(""), ""},
        {TEXT("f"), "Zg=="},
        {TEXT("fo"), "Zm8="},
        {TEXT("foo"), "Zm9v"},
        {TEXT("foob"), "Zm9vYg=="},
        {TEXT("fooba"), "Zm9vYmE="},
        {TEXT("foobar"), "Zm9vYmFy"},
        {TEXT("\xff\xfe\xfd\0\xfb\xf0"), "//79APvw"},
        {TEXT("test:123\xa3"), "dGVzdDoxMjOj"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct secret *s = secret_base64(cases[i].plain);

        assert_string_equal(secret_text(s), cases[i].coded);
        assert_int_equal(secret_span(s).len, strlen(cases[i].coded));
        secret_free(&s);
    }
}

static void test_secret_concat(void **state)
{
    const struct span parts[] = {SPAN("a\0"), {NULL, 0}, SPAN("bc")};
    struct secret *s = secret_concat(parts, 3);

    (void)state;
    assert_true(span_equal(secret_span(s), SPAN("a\0bc")));
    secret_free(&s);
    secret_free(&s);
    assert_int_equal(secret_span(NULL).len, 0);
}

static void test_secret_wiped(void **state)
{
    struct error err = {0};
    struct secret *s = secret_concat(&SPAN("s3cret"), 1);

    (void)state;
    wiped = 0;
    secret_free(&s);
    assert_int_equal(wiped, 6);
    assert_string_equal(last_wiped, "s3cret");
    write_file(SPAN("first\nsecond"), 0600);
    s = secret_read_line("f", &err);
    assert_int_equal(wiped, 6 + 12); /* all bytes that were read */
    assert_string_equal(last_wiped, "first\nsecond");
    secret_free(&s);
    assert_int_equal(wiped, 6 + 12 + 5);
    write_file(SPAN("a\tb"), 0600);
    assert_null(secret_read_line("f", &err));
    assert_int_equal(wiped, 6 + 12 + 5 + 3); /* also those of a refused file */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_first_line),   cmocka_unit_test(test_secret_lines_refused),
        cmocka_unit_test(test_secret_longest_line), cmocka_unit_test(test_secret_no_file),
        cmocka_unit_test(test_secret_whole_file),   cmocka_unit_test(test_secret_exposed),
        cmocka_unit_test(test_secret_base64),       cmocka_unit_test(test_secret_concat),
        cmocka_unit_test(test_secret_wiped),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
