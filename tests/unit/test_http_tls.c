/* Certificates and keys without a server. With one, they are tested by the black-box test tls. */
#include "unit.h"

#include "backend/http/http_tls.h"
#include "certificate.h"

#include "podop/error.h"

/* Made for this test alone: the key of the certificate, and another key. */
#define KEY                                                                                        \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZKVxlDH9YiTEw6NY\n"                           \
    "yrn06jGPM9fJ5TLauHLnrkt9DpmhRANCAAQtPqIiaSBPtlHFkKnTi+8lQKfFI2F4\n"                           \
    "HgAyKzj6Ta6UuHei2Tl7YSnQTd3Q+F+yAebZspB6et+orM6Oa6BrjNsm\n"                                   \
    "-----END PRIVATE KEY-----\n"
#define OTHER_KEY                                                                                  \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJSwP6wEop8JMGh5V\n"                           \
    "kmNIabvWx3EW47wxJjypk13K9NahRANCAARDByYbwvWlDDMUCj8m/9FvEZU7ZRnh\n"                           \
    "ntI7toBzx41ZlDXqvRWlr8Mz+QwiFqsEirzK5W9LCHfyUkmsIoMW44DD\n"                                   \
    "-----END PRIVATE KEY-----\n"

static const struct {
    struct http_tls tls;
    bool is_good;
} cases[] = {
    {{.ca = {NULL, 0}}, true},
    {{.ca = TEXT(CERTIFICATE)}, true},
    {{.ca = TEXT(CERTIFICATE CERTIFICATE)}, true},
    {{.cert = TEXT(CERTIFICATE), .key = TEXT(KEY)}, true},
    {{.ca = TEXT(CERTIFICATE), .cert = TEXT(CERTIFICATE), .key = TEXT(KEY)}, true},
    {{.ca = TEXT("s3cret")}, false},
    {{.ca = TEXT(KEY)}, false},
    {{.cert = TEXT("s3cret"), .key = TEXT(KEY)}, false},
    {{.cert = TEXT(CERTIFICATE), .key = TEXT("s3cret")}, false},
    {{.cert = TEXT(CERTIFICATE), .key = TEXT(OTHER_KEY)}, false},
    {{.cert = TEXT(KEY), .key = TEXT(CERTIFICATE)}, false},
};

static void test_check(void **state)
{
    (void)state;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        const int result = http_check_tls(&cases[i].tls, &err);

        if ((result == 0) != cases[i].is_good)
            fail_msg("case %zu: %d, %s", i, result, err.text);
        if (result == 0)
            continue;
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_true(err.text[0] != '\0');
        assert_null(strstr(err.text, "s3cret"));
    }
    curl_global_cleanup();
}

/* A handle that was never connected has not ended well. */
static void test_end_without_a_connection(void **state)
{
    CURL *easy;

    (void)state;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    easy = curl_easy_init();
    assert_false(http_tls_has_ended_well(easy));
    curl_easy_cleanup(easy);
    curl_global_cleanup();
}

/* What to do is appended once, and never more than there is room for. */
static void test_hints(void **state)
{
    static const struct {
        const char *reason, *hint;
    } failures[] = {
        {"SSL certificate problem: unable to get local issuer certificate", "set ca_file"},
        {"SSL certificate problem: self-signed certificate",
         "set ca_file in 'tls' to this certificate"},
        {"SSL certificate problem: self-signed certificate in certificate chain",
         "to its certificate, or"},
        {"SSL certificate problem: unable to get local issuer certificate",
         "intermediate certificates)"},
        {"error setting certificate file: /etc/ssl/certs/ca-certificates.crt",
         "install ca-certificates"},
        {"error adding trust anchors from file: /etc/ssl/certs/ca-certificates.crt",
         "install ca-certificates"},
        {"SSL certificate problem: certificate has expired", "renew the server's certificate"},
        {"SSL certificate problem: certificate is not yet valid", "set the clock"},
        {"SSL: no alternative certificate subject name matches target host name 'h'",
         "for another name"},
        {"error:0A00010B:SSL routines::wrong version number", "is http:// meant?"},
        {"error:0A00045C:SSL routines::tlsv13 alert certificate required", "set cert_file"},
        {"error:0A000410:SSL routines::sslv3 alert handshake failure",
         "client certificate, cert_file"},
        {"error:0A000415:SSL routines::sslv3 alert certificate expired, errno 0",
         "renew the client certificate"},
        {"error:0A000414:SSL routines::sslv3 alert certificate revoked, errno 0",
         "renew the client certificate"},
        {"error:0A00014D:SSL routines::legacy sigalg disallowed or unsupported", "needs TLS 1.2"},
        {"error:0A00042E:SSL routines::tlsv1 alert protocol version", "needs TLS 1.2"},
        {"error:0A000102:SSL routines::unsupported protocol", "needs TLS 1.2"},
        {"OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to h:1 ", "does it speak TLS?"},
        {"Connection reset by peer", NULL},
        {"", NULL},
    };
    char reason[CURL_ERROR_SIZE], once[CURL_ERROR_SIZE];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        snprintf(reason, sizeof(reason), "%s", failures[i].reason);
        http_tls_add_hint(reason);
        snprintf(once, sizeof(once), "%s", reason);
        http_tls_add_hint(reason);
        assert_string_equal(reason, once);
        assert_int_equal(strncmp(reason, failures[i].reason, strlen(failures[i].reason)), 0);
        if (failures[i].hint == NULL)
            assert_string_equal(reason, failures[i].reason);
        else if (strstr(reason, failures[i].hint) == NULL)
            fail_msg("%s", reason);
    }
    memset(reason, 'x', sizeof(reason));
    memcpy(reason, "has expired", strlen("has expired"));
    reason[sizeof(reason) - 1] = '\0';
    http_tls_add_hint(reason);
    assert_int_equal(strlen(reason), sizeof(reason) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_end_without_a_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
