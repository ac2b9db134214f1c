/* http_tls.c - certificates for libcurl, from memory: podop needs no right to read their files
 * later, and a key is copied nowhere. */
#include "http_tls.h"

#include "podop/error.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    PROBE_TIMEOUT_MS = 60 * 1000, /* it waits for nobody, but the machine may be busy */
    PROBE_POLL_MS = 10,
};

static CURLcode set_blob(CURL *easy, CURLoption option, struct span bytes)
{
    struct curl_blob blob = {.len = bytes.len, .flags = CURL_BLOB_NOCOPY};

    if (bytes.len == 0)
        return CURLE_OK;
    memcpy(&blob.data, &bytes.ptr, sizeof(blob.data)); /* not const there, but only read */
    return curl_easy_setopt(easy, option, &blob);
}

/* For CURLOPT_CAPATH: no authorities besides. From libcurl 8.17 on, NULL stands for the system's
 * directory again, and something has to be named where no certificate can be. */
static const char *no_directory(void)
{
    enum { NULL_IS_DEFAULT_SINCE = 0x081100 };

    return curl_version_info(CURLVERSION_NOW)->version_num >= NULL_IS_DEFAULT_SINCE ? "/dev/null"
                                                                                    : NULL;
}

CURLcode http_tls_set(CURL *easy, const struct http_tls *tls)
{
    CURLcode code = CURLE_OK;

    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (tls->ca.len > 0) {
        curl_easy_setopt(easy, CURLOPT_CAPATH, no_directory());
        code = set_blob(easy, CURLOPT_CAINFO_BLOB, tls->ca);
    }
    if (code == CURLE_OK && tls->cert.len > 0) {
        curl_easy_setopt(easy, CURLOPT_KEYPASSWD, ""); /* or OpenSSL asks for it at the terminal */
        code = set_blob(easy, CURLOPT_SSLCERT_BLOB, tls->cert);
        if (code == CURLE_OK)
            code = set_blob(easy, CURLOPT_SSLKEY_BLOB, tls->key);
    }
    return code;
}

/* Listens under an abstract name of the kernel's choice, for this one connection. -1 with errno. */
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
    curl_easy_setopt(easy, CURLOPT_URL, "https://127.0.0.1/"); /* no name to be looked up */
    curl_easy_setopt(easy, CURLOPT_ABSTRACT_UNIX_SOCKET, at->sun_path + 1);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)PROBE_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(easy, CURLOPT_CAINFO,
                     NULL); /* the system's authorities would take far longer */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* to be taken apart than all of the rest */
    return easy;
}

/* Connects, and hangs up on itself. */
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

/* libcurl reads certificates only for a connection. This one leads to ourselves: whatever fails
 * before the answer to the handshake's first message is wanted, is a certificate's fault. */
int http_check_tls(const struct http_tls *tls, struct error *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    struct sockaddr_un at;
    int listener = listen_nowhere(&at);
    CURLcode code;
    CURL *easy;

    if (listener == -1)
        return error_errno(err, "a socket to try TLS on");
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
