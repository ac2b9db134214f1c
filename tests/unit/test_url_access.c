#include "unit.h"

#include "table/url/url_access.h"
#include "table/url/url_settings.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file in memory, at a path that can be opened; readable by others only when it is exposed. */
struct file {
    int fd;
    char path[64];
};

static struct log quiet;

static int setup(void **state)
{
    (void)state;
    log_init(&quiet);
    quiet.level = LOG_LEVEL_ERROR;
    return 0;
}

static void file_open(struct file *file, const char *content)
{
    const size_t len = strlen(content);

    file->fd = memfd_create("access", MFD_CLOEXEC);
    assert_int_not_equal(file->fd, -1);
    assert_int_equal(fchmod(file->fd, 0600), 0);
    assert_int_equal(write(file->fd, content, len), (ssize_t)len);
    snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

static void file_close(struct file *file)
{
    close(file->fd);
}

static void test_tls_needs_an_https_url(void **state)
{
    static char https[] = "HTTPS://b.example/", http[] = "http://b.example/", file[] = "/f";
    static const struct {
        struct url_settings settings;
        const char *url;
        bool is_good;
    } cases[] = {
        {{.connect_timeout_ms = 0}, http, true}, /* without tls it does not matter */
        {{.tls = {.ca_file = file}}, https, true},
        {{.tls = {.cert_file = file}}, https, true},
        {{.tls = {.ca_file = file}, .commit_url = https}, http, true},
        {{.tls = {.ca_file = file}}, http, false},
        {{.tls = {.cert_file = file}, .commit_url = http}, http, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};

        if ((url_access_check(&cases[i].settings, cases[i].url, &err) == 0) != cases[i].is_good)
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void assert_authorization(const struct url_settings *settings, const char *expected)
{
    static char name[] = "t";
    const struct table_config config = {.name = name, .settings = (void *)(uintptr_t)settings};
    struct url_access access;
    struct error err = {0};

    if (url_access_open(&access, &config, NULL, &quiet, &err) == -1)
        fail_msg("%s", err.text);
    if (expected == NULL)
        assert_null(access.authorization);
    else
        assert_string_equal(secret_text(access.authorization), expected);
    url_access_close(&access);
    url_access_close(&access);
}

static void assert_fault(const struct url_settings *settings, const char *part)
{
    static char name[] = "t";
    const struct table_config config = {.name = name, .settings = (void *)(uintptr_t)settings};
    struct url_access access;
    struct error err = {0};

    if (url_access_open(&access, &config, NULL, &quiet, &err) == 0)
        fail_msg("no fault where '%s' is expected", part);
    if (strstr(err.text, part) == NULL)
        fail_msg("no '%s' in: %s", part, err.text);
    url_access_close(&access);
}

static void test_authorization(void **state)
{
    static char user[] = "podop";
    struct url_settings settings = {0};
    struct file file;

    (void)state;
    assert_authorization(&settings, NULL);
    file_open(&file, "s3cret\n");
    settings.auth = (struct auth_config){.type = AUTH_BASIC, .user = user};
    settings.auth.password_file = file.path;
    assert_authorization(&settings, "Authorization: Basic cG9kb3A6czNjcmV0");
    settings.auth = (struct auth_config){.type = AUTH_BEARER};
    settings.auth.token_file = file.path;
    assert_authorization(&settings, "Authorization: Bearer s3cret");
    file_close(&file);
}

/* What a header cannot carry, or no file at all. The message never shows the token. */
static void test_faults_of_tokens(void **state)
{
    static const char *const tokens[] = {"two words\n", "s3\xc3\xa9t\n"};
    static char missing[] = "/nonexistent/token", user[] = "podop";
    struct url_settings settings = {0};

    (void)state;
    settings.auth.type = AUTH_BEARER;
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        struct file file;

        file_open(&file, tokens[i]);
        settings.auth.token_file = file.path;
        assert_fault(&settings, "token_file");
        assert_fault(&settings, "not a token");
        file_close(&file);
    }
    settings.auth.token_file = missing;
    assert_fault(&settings, "token_file");
    settings.auth =
        (struct auth_config){.type = AUTH_BASIC, .user = user, .password_file = missing};
    assert_fault(&settings, "password_file");
}

/* Files that are missing or are not what they should be. No PEM is parsed here. */
static void test_faults_of_tls_files(void **state)
{
    static char missing[] = "/nonexistent/file";
    struct url_settings settings = {0};
    struct file text, cert;

    (void)state;
    file_open(&text, "not a PEM file\n");
    file_open(&cert, "-----BEGIN CERTIFICATE-----\n");
    settings.tls = (struct tls_config){.ca_file = missing};
    assert_fault(&settings, "ca_file");
    settings.tls = (struct tls_config){.ca_file = text.path};
    assert_fault(&settings, "certificate");
    settings.tls = (struct tls_config){.cert_file = missing, .key_file = missing};
    assert_fault(&settings, "cert_file");
    settings.tls = (struct tls_config){.cert_file = cert.path, .key_file = missing};
    assert_fault(&settings, "key_file");
    settings.tls = (struct tls_config){.cert_file = cert.path, .key_file = text.path};
    assert_fault(&settings, "private key");
    file_close(&text);
    file_close(&cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_needs_an_https_url),
        cmocka_unit_test(test_authorization),
        cmocka_unit_test(test_faults_of_tokens),
        cmocka_unit_test(test_faults_of_tls_files),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
