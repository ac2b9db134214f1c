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

static struct table_config config_with(const char *url, struct url_settings *settings)
{
    static char name[] = "t";

    *settings = (struct url_settings){0};
    return (struct table_config){
        .name = name, .param = (char *)(uintptr_t)url, .settings = settings};
}

static void test_tls_needs_an_https_url(void **state)
{
    static char https[] = "HTTPS://b.example/", http[] = "http://b.example/", file[] = "/f";
    static char *fallback[] = {https};
    struct error err = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct url_settings settings;
        struct table_config config = config_with(i == 0 ? https : http, &settings);

        assert_int_equal(url_access_check(&config, &err), 0); /* without tls it does not matter */
        if (i == 1)
            config.fallbacks = (struct string_list){fallback, 1};
        if (i == 2)
            settings.commit_url = https;
        settings.tls.ca_file = file;
        if (url_access_check(&config, &err) == -1)
            fail_msg("case %d: %s", i, err.text);
        settings.tls.ca_file = NULL;
        settings.tls.cert_file = file;
        if (url_access_check(&config, &err) == -1)
            fail_msg("case %d: %s", i, err.text);
    }
    {
        struct url_settings settings;
        struct table_config config = config_with(http, &settings);

        settings.tls.ca_file = file;
        assert_int_equal(url_access_check(&config, &err), -1);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
}

static int open_access(struct url_access *access, const struct table_config *config,
                       struct error *err)
{
    const struct url_settings *settings = url_settings_of(config);

    return url_access_open(access, &settings->auth, &settings->tls, &(struct url_access_known){0},
                           err);
}

static void assert_authorization(const struct table_config *config, const char *expected)
{
    struct url_access access;
    struct error err = {0};

    if (open_access(&access, config, &err) == -1)
        fail_msg("%s", err.text);
    if (expected == NULL)
        assert_null(access.authorization);
    else
        assert_string_equal(secret_text(access.authorization), expected);
    url_access_close(&access);
    url_access_close(&access);
}

static void assert_fault(const struct table_config *config, const char *part)
{
    struct url_access access;
    struct error err = {0};

    if (open_access(&access, config, &err) == 0)
        fail_msg("no fault where '%s' is expected", part);
    if (strstr(err.text, part) == NULL)
        fail_msg("no '%s' in: %s", part, err.text);
    url_access_close(&access);
}

static void test_authorization(void **state)
{
    static char user[] = "podop";
    struct url_settings settings;
    struct table_config config = config_with("http://b.example/", &settings);
    struct file file;

    (void)state;
    assert_authorization(&config, NULL);
    file_open(&file, "s3cret\n");
    settings.auth = (struct auth_config){.type = AUTH_BASIC, .user = user};
    settings.auth.password_file = file.path;
    assert_authorization(&config, "Authorization: Basic cG9kb3A6czNjcmV0");
    settings.auth = (struct auth_config){.type = AUTH_BEARER};
    settings.auth.token_file = file.path;
    assert_authorization(&config, "Authorization: Bearer s3cret");
    file_close(&file);
}

/* What a header cannot carry, or no file at all. The message never shows the token. */
static void test_faults_of_tokens(void **state)
{
    static const char *const tokens[] = {"two words\n", "s3\xc3\xa9t\n"};
    static char missing[] = "/nonexistent/token", user[] = "podop";
    struct url_settings settings;
    struct table_config config = config_with("http://b.example/", &settings);

    (void)state;
    settings.auth.type = AUTH_BEARER;
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        struct file file;

        file_open(&file, tokens[i]);
        settings.auth.token_file = file.path;
        assert_fault(&config, "token_file");
        assert_fault(&config, "not a token");
        file_close(&file);
    }
    settings.auth.token_file = missing;
    assert_fault(&config, "token_file");
    settings.auth =
        (struct auth_config){.type = AUTH_BASIC, .user = user, .password_file = missing};
    assert_fault(&config, "password_file");
}

/* Files that are missing or are not what they should be. No PEM is parsed here. */
static void test_faults_of_tls_files(void **state)
{
    static char missing[] = "/nonexistent/file";
    struct url_settings settings;
    struct table_config config = config_with("https://b.example/", &settings);
    struct file text, cert;

    (void)state;
    file_open(&text, "not a PEM file\n");
    file_open(&cert, "-----BEGIN CERTIFICATE-----\n");
    settings.tls = (struct tls_config){.ca_file = missing};
    assert_fault(&config, "ca_file");
    settings.tls = (struct tls_config){.ca_file = text.path};
    assert_fault(&config, "certificate");
    settings.tls = (struct tls_config){.cert_file = missing, .key_file = missing};
    assert_fault(&config, "cert_file");
    settings.tls = (struct tls_config){.cert_file = cert.path, .key_file = missing};
    assert_fault(&config, "key_file");
    settings.tls = (struct tls_config){.cert_file = cert.path, .key_file = text.path};
    assert_fault(&config, "private key");
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

    return cmocka_run_group_tests(tests, NULL, NULL);
}
