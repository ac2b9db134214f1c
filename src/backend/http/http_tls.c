/* http_tls.c - gives libcurl certificates from memory, so that podop needs no permission to read
 * their files after its start, and keys are not copied. */
#include "http_tls.h"

#include "podop/error.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Constants from OpenSSL's headers. podop calls the OpenSSL that libcurl has loaded, if any. It is
 * not linked with OpenSSL, because that might load a second version of it. */
enum {
    OPENSSL_3 = 0x30000000,
    OPENSSL_OP_IGNORE_UNEXPECTED_EOF = 1 << 7,
    OPENSSL_RECEIVED_SHUTDOWN = 2,
    OPENSSL_WRITING = 2, /* results of SSL_want() */
    OPENSSL_READING = 3,
};

typedef unsigned long openssl_version_fn(void);
typedef uint64_t openssl_clear_options_fn(void *context, uint64_t options);
typedef int openssl_get_shutdown_fn(const void *session);
typedef int openssl_want_fn(const void *session);
typedef void any_fn(void);

enum {
    PROBE_TIMEOUT_MS = 60 * 1000, /* for a busy machine: the probe itself takes milliseconds */
    PROBE_POLL_MS = 10,
};

static CURLcode set_blob(CURL *easy, CURLoption option, struct span bytes)
{
    struct curl_blob blob = {.len = bytes.len, .flags = CURL_BLOB_NOCOPY};

    if (bytes.len == 0)
        return CURLE_OK;
    memcpy(&blob.data, &bytes.ptr, sizeof(blob.data)); /* libcurl only reads it */
    return curl_easy_setopt(easy, option, &blob);
}

static any_fn *find_function(const char *name)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    any_fn *function;

    memcpy(&function, &found, sizeof(function)); /* POSIX allows this for dlsym() */
    return function;
}

/* Returns OpenSSL's session of easy, or NULL. *is_openssl is also true for its derivatives. */
static const void *openssl_session(CURL *easy, bool *is_openssl)
{
    const struct curl_tlssessioninfo *session = NULL;

    *is_openssl = curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, (void *)&session) == CURLE_OK &&
                  session != NULL && session->backend == CURLSSLBACKEND_OPENSSL;
    return *is_openssl ? session->internals : NULL;
}

/* Clears an option that libcurl sets, with which OpenSSL 3 accepts the end of the connection as
 * the end of TLS. */
static CURLcode on_context(CURL *easy, void *context, void *arg)
{
    openssl_version_fn *version = (openssl_version_fn *)find_function("OpenSSL_version_num");
    openssl_clear_options_fn *clear =
        (openssl_clear_options_fn *)find_function("SSL_CTX_clear_options");

    (void)easy;
    (void)arg;
    if (version != NULL && clear != NULL && version() >= OPENSSL_3)
        clear(context, OPENSSL_OP_IGNORE_UNEXPECTED_EOF);
    return CURLE_OK;
}

bool http_tls_has_ended_well(CURL *easy)
{
    openssl_get_shutdown_fn *get_shutdown =
        (openssl_get_shutdown_fn *)find_function("SSL_get_shutdown");
    bool is_openssl;
    const void *session = openssl_session(easy, &is_openssl);

    return session != NULL && get_shutdown != NULL &&
           (get_shutdown(session) & OPENSSL_RECEIVED_SHUTDOWN) != 0;
}

enum http_tls_wait http_tls_waits(CURL *easy)
{
    openssl_want_fn *want = (openssl_want_fn *)find_function("SSL_want");
    bool is_openssl;
    const void *session = openssl_session(easy, &is_openssl);

    if (session == NULL || want == NULL)
        return HTTP_TLS_WAITS_UNKNOWN;
    switch (want(session)) {
    case OPENSSL_READING: return HTTP_TLS_WAITS_TO_READ;
    case OPENSSL_WRITING: return HTTP_TLS_WAITS_TO_WRITE;
    default: return HTTP_TLS_WAITS_UNKNOWN;
    }
}

/* Returns a value of CURLOPT_CAPATH that adds no authorities. From libcurl 8.17 on, NULL means the
 * system's directory, so a path without certificates is needed. */
static const char *no_directory(void)
{
    enum { NULL_IS_DEFAULT_SINCE = 0x081100 };

    return curl_version_info(CURLVERSION_NOW)->version_num >= NULL_IS_DEFAULT_SINCE ? "/dev/null"
                                                                                    : NULL;
}

CURLcode http_tls_set(CURL *easy, const struct http_tls *tls)
{
    CURLcode code = CURLE_OK;
    bool is_openssl;

    openssl_session(easy, &is_openssl);
    if (is_openssl)
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (tls->ca.len > 0) {
        curl_easy_setopt(easy, CURLOPT_CAPATH, no_directory());
        code = set_blob(easy, CURLOPT_CAINFO_BLOB, tls->ca);
    }
    if (code == CURLE_OK && tls->cert.len > 0) {
        curl_easy_setopt(easy, CURLOPT_KEYPASSWD, ""); /* or OpenSSL asks on the terminal */
        code = set_blob(easy, CURLOPT_SSLCERT_BLOB, tls->cert);
        if (code == CURLE_OK)
            code = set_blob(easy, CURLOPT_SSLKEY_BLOB, tls->key);
    }
    return code;
}

/* Listens on an abstract unix socket whose name the kernel chooses. Returns -1 with errno. */
static int listen_nowhere(struct sockaddr_un *at)
{
    socklen_t len = sizeof(*at);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    *at = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (fd != -1 && bind(fd, (struct sockaddr *)at, sizeof(at->sun_family)) == 0 &&
        listen(fd, 1) == 0 && getsockname(fd, (struct sockaddr *)at, &len) == 0) {
        at->sun_path[len - offsetof(struct sockaddr_un, sun_path)] = '\0';
        return fd;
    }
    if (fd != -1)
        close(fd);
    return -1;
}

static CURL *probe_new(const struct sockaddr_un *at, char reason[CURL_ERROR_SIZE])
{
    CURL *easy = curl_easy_init();

    if (easy == NULL)
        abort();                                               /* out of memory, as in mem.c */
    curl_easy_setopt(easy, CURLOPT_URL, "https://127.0.0.1/"); /* needs no DNS */
    curl_easy_setopt(easy, CURLOPT_ABSTRACT_UNIX_SOCKET, at->sun_path + 1);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)PROBE_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason);
    /* No authorities: parsing the system's would take far longer than the rest of the probe. */
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    return easy;
}

/* Connects to the listener, which closes the connection at once. */
static CURLcode probe_run(CURL *easy, int listener)
{
    CURLM *multi = curl_multi_init();
    CURLMsg *msg;
    CURLcode code = CURLE_FAILED_INIT;
    int running = 1;
    int left;

    if (multi == NULL)
        abort();
    curl_multi_add_handle(multi, easy);
    while (curl_multi_perform(multi, &running) == CURLM_OK && running > 0) {
        int fd = accept(listener, NULL, NULL);

        if (fd != -1)
            close(fd);
        curl_multi_poll(multi, NULL, 0, PROBE_POLL_MS, NULL);
    }
    msg = curl_multi_info_read(multi, &left);
    if (msg != NULL)
        code = msg->data.result;
    curl_multi_remove_handle(multi, easy);
    curl_multi_cleanup(multi);
    return code;
}

/* Connects to a socket of podop itself, because libcurl reads certificates only when it
 * connects. The connection always fails: in the TLS exchange if the certificates are good,
 * otherwise before it. */
int http_check_tls(const struct http_tls *tls, struct error *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    struct sockaddr_un at;
    int listener = listen_nowhere(&at);
    CURLcode code;
    CURL *easy;

    if (listener == -1)
        return error_errno(err, "cannot create a socket to test the TLS settings");
    easy = probe_new(&at, reason);
    code = http_tls_set(easy, tls);
    if (code == CURLE_OK)
        code = probe_run(easy, listener);
    curl_easy_cleanup(easy);
    close(listener);
    if (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR)
        return 0;
    return error_set(err, ERR_CONFIG, "%s", reason[0] != '\0' ? reason : curl_easy_strerror(code));
}
