/* curl_transfer.c - the rules are those of lib/multi.c and lib/vtls/openssl.c of libcurl 7.88. */
#include "curl_transfer.h"

#include "podop/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct curl_easy_model *curl_transfer_easy_new(void)
{
    struct curl_easy_model *easy = xcalloc(1, sizeof(*easy));

    easy->fd = CURL_SOCKET_BAD;
    easy->session.backend = CURLSSLBACKEND_OPENSSL;
    return easy;
}

static __attribute__((format(printf, 2, 3))) void set_error(const struct curl_easy_model *easy,
                                                            const char *format, ...)
{
    va_list args;

    if (easy->error == NULL || easy->error[0] != '\0') /* libcurl keeps the first one */
        return;
    va_start(args, format);
    vsnprintf(easy->error, CURL_ERROR_SIZE, format, args);
    va_end(args);
}

/* The connection */

static void watch(struct curl_easy_model *easy, int what)
{
    const struct curl_multi_model *multi = easy->multi;

    if (easy->watched == what)
        return;
    easy->watched = what;
    multi->on_socket((CURL *)easy, easy->fd, what == CURL_POLL_NONE ? CURL_POLL_REMOVE : what,
                     multi->on_socket_arg, easy->socket_arg);
}

/* As ossl_close(): reads once, so that a close_notify of the peer does not lead to a reset. */
static void disconnect(struct curl_easy_model *easy)
{
    char bytes[256];
    size_t n;

    if (easy->fd == CURL_SOCKET_BAD)
        return;
    if (easy->tls->was_open) {
        (void)tls_client_read(easy->tls, bytes, sizeof(bytes), &n);
        tls_client_shut(easy->tls);
    }
    tls_client_free(&easy->tls);
    easy->session.internals = NULL;
    close(easy->fd);
    easy->fd = CURL_SOCKET_BAD;
}

void curl_transfer_easy_free(struct curl_easy_model *easy)
{
    if (easy->multi != NULL)
        curl_transfer_remove(easy);
    free(easy);
}

/* The handshake */

static void end(struct curl_easy_model *easy, CURLcode code)
{
    easy->step = CURL_STEP_ENDED;
    easy->code = code;
    if (easy->fd != CURL_SOCKET_BAD)
        watch(easy, CURL_POLL_NONE);
    if (code != CURLE_OK)
        disconnect(easy);
}

static bool is_about_certificate(const char *reason)
{
    return strstr(reason, "certificate problem") != NULL ||
           strstr(reason, "certificate subject name") != NULL;
}

static void fail(struct curl_easy_model *easy)
{
    const char *reason = easy->tls->reason;

    if (is_about_certificate(reason)) {
        set_error(easy, "SSL: %s", reason);
        end(easy, CURLE_PEER_FAILED_VERIFICATION);
        return;
    }
    set_error(easy, "OpenSSL SSL_connect: %s in connection to %s", reason, easy->tls->host);
    end(easy, CURLE_SSL_CONNECT_ERROR);
}

static void shake(struct curl_easy_model *easy)
{
    switch (tls_client_handshake(easy->tls)) {
    case TLS_DONE: end(easy, CURLE_OK); break;
    case TLS_WANTS_READ: watch(easy, CURL_POLL_IN); break;
    case TLS_WANTS_WRITE: watch(easy, CURL_POLL_OUT); break;
    case TLS_FAILED: fail(easy); break;
    }
}

static bool has_certificate(struct span pem)
{
    return memmem(pem.ptr, pem.len, "BEGIN ", 6) != NULL;
}

/* Reads the certificates, as libcurl does when it connects. */
static CURLcode check_certificates(const struct curl_easy_model *easy)
{
    if (easy->trust.len > 0 && !has_certificate(easy->trust))
        return CURLE_SSL_CACERT_BADFILE;
    if (easy->certificate.len > 0 &&
        (!has_certificate(easy->certificate) || !has_certificate(easy->key)))
        return CURLE_SSL_CERTPROBLEM;
    return CURLE_OK;
}

static bool open_socket(struct curl_easy_model *easy)
{
    struct curl_sockaddr to = {0};

    if (easy->open_socket == NULL || easy->set_socket == NULL || !easy->has_connect_only)
        sim_broken("libcurl is used in a way that is not modelled", "a handle without a socket");
    easy->fd = easy->open_socket(easy->open_socket_arg, CURLSOCKTYPE_IPCXN, &to);
    if (easy->fd == CURL_SOCKET_BAD)
        return false;
    if (easy->set_socket(NULL, easy->fd, CURLSOCKTYPE_IPCXN) != CURL_SOCKOPT_ALREADY_CONNECTED)
        sim_broken("libcurl is used in a way that is not modelled", "a socket to be connected");
    return true;
}

static void start(struct curl_easy_model *easy)
{
    const CURLcode code = check_certificates(easy);
    char *host = NULL;

    easy->step = CURL_STEP_CONNECTING;
    if (code != CURLE_OK || easy->is_probe) { /* the probe's peer hangs up at once */
        end(easy, code == CURLE_OK ? CURLE_SSL_CONNECT_ERROR : code);
        return;
    }
    if (!open_socket(easy)) {
        end(easy, CURLE_COULDNT_CONNECT);
        return;
    }
    if (curl_url_get(easy->url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        abort();
    easy->tls = tls_client_new(easy->fd, host, easy->trust);
    curl_free(host);
    easy->session.internals = easy->tls;
    if (easy->set_context != NULL && easy->set_context((CURL *)easy, easy->tls, NULL) != CURLE_OK)
        abort();
    shake(easy);
}

/* The multi handle */

struct curl_multi_model *curl_transfer_multi_new(void)
{
    struct curl_multi_model *multi = xcalloc(1, sizeof(*multi));

    list_init(&multi->easies);
    return multi;
}

static void set_timer(struct curl_multi_model *multi, long ms)
{
    if (multi->on_timer != NULL)
        multi->on_timer((CURLM *)multi, ms, multi->on_timer_arg);
}

void curl_transfer_add(struct curl_multi_model *multi, struct curl_easy_model *easy)
{
    easy->multi = multi;
    easy->step = CURL_STEP_NEW;
    list_append(&multi->easies, &easy->node);
    set_timer(multi, 0);
}

void curl_transfer_remove(struct curl_easy_model *easy)
{
    if (easy->fd != CURL_SOCKET_BAD)
        watch(easy, CURL_POLL_NONE);
    disconnect(easy);
    list_remove(&easy->node);
    easy->multi = NULL;
}

static bool is_due(const struct curl_easy_model *easy, curl_socket_t fd)
{
    if (fd == CURL_SOCKET_TIMEOUT)
        return easy->step == CURL_STEP_NEW;
    return easy->step == CURL_STEP_CONNECTING && easy->fd == fd;
}

void curl_transfer_act(struct curl_multi_model *multi, curl_socket_t fd)
{
    LIST_FOR_EACH_SAFE (node, &multi->easies) {
        struct curl_easy_model *easy = CONTAINER_OF(node, struct curl_easy_model, node);

        if (!is_due(easy, fd))
            continue;
        if (easy->step == CURL_STEP_NEW)
            start(easy);
        else
            shake(easy);
    }
    if (fd == CURL_SOCKET_TIMEOUT)
        set_timer(multi, -1);
}

CURLMsg *curl_transfer_next_message(struct curl_multi_model *multi)
{
    LIST_FOR_EACH (node, &multi->easies) {
        struct curl_easy_model *easy = CONTAINER_OF(node, struct curl_easy_model, node);

        if (easy->step != CURL_STEP_ENDED)
            continue;
        easy->step = CURL_STEP_REPORTED;
        easy->message = (CURLMsg){.msg = CURLMSG_DONE, .easy_handle = (CURL *)easy};
        easy->message.data.result = easy->code;
        return &easy->message;
    }
    return NULL;
}

size_t curl_transfer_running(const struct curl_multi_model *multi)
{
    size_t count = 0;

    LIST_FOR_EACH (node, &multi->easies)
        count += CONTAINER_OF(node, struct curl_easy_model, node)->step < CURL_STEP_ENDED;
    return count;
}

void curl_transfer_assign(struct curl_multi_model *multi, curl_socket_t fd, void *arg)
{
    LIST_FOR_EACH (node, &multi->easies) {
        struct curl_easy_model *easy = CONTAINER_OF(node, struct curl_easy_model, node);

        if (easy->fd == fd)
            easy->socket_arg = arg;
    }
}

/* Reading and writing */

static CURLcode code_of(const struct curl_easy_model *easy, enum tls_want want, const char *what,
                        CURLcode failure)
{
    const int error = errno;

    if (want == TLS_DONE)
        return CURLE_OK;
    if (want != TLS_FAILED)
        return CURLE_AGAIN;
    set_error(easy, "OpenSSL %s: %s, errno %d", what, easy->tls->reason, error);
    errno = error;
    return failure;
}

CURLcode curl_transfer_receive(struct curl_easy_model *easy, void *to, size_t max, size_t *n)
{
    *n = 0;
    if (easy->tls == NULL || !easy->tls->was_open)
        return CURLE_UNSUPPORTED_PROTOCOL;
    return code_of(easy, tls_client_read(easy->tls, to, max, n), "SSL_read", CURLE_RECV_ERROR);
}

CURLcode curl_transfer_send(struct curl_easy_model *easy, const void *bytes, size_t len, size_t *n)
{
    *n = 0;
    if (easy->tls == NULL || !easy->tls->was_open)
        return CURLE_UNSUPPORTED_PROTOCOL;
    return code_of(easy, tls_client_write(easy->tls, bytes, len, n), "SSL_write", CURLE_SEND_ERROR);
}
