/* interpose_curl.c - libcurl's functions of handles, and those of OpenSSL that podop finds by name.
 * URLs, lists and shares stay libcurl's own. */
#include "curl_transfer.h"
#include "kernel_state.h"
#include "real.h"

#include <stdarg.h>

/* curl.h has macros of these names, which check types. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

static struct curl_easy_model *easy_of(CURL *easy)
{
    return (struct curl_easy_model *)easy;
}

static struct curl_multi_model *multi_of(CURLM *multi)
{
    return (struct curl_multi_model *)multi;
}

/* Easy handles */

CURL *curl_easy_init(void)
{
    return kernel_has_begun() ? (CURL *)curl_transfer_easy_new() : REAL(curl_easy_init)();
}

void curl_easy_cleanup(CURL *easy)
{
    if (!kernel_has_begun())
        REAL(curl_easy_cleanup)(easy);
    else if (easy != NULL)
        curl_transfer_easy_free(easy_of(easy));
}

static struct span blob_of(const struct curl_blob *blob)
{
    return (struct span){blob->data, blob->len};
}

/* Options with a pointer. Those that change nothing in the model are listed, so that a new one is
 * noticed. */
static CURLcode set_pointer(struct curl_easy_model *easy, CURLoption option, void *value)
{
    switch ((int)option) {
    case CURLOPT_CURLU: easy->url = value; break;
    case CURLOPT_ERRORBUFFER: easy->error = value; break;
    case CURLOPT_PRIVATE: easy->private = value; break;
    case CURLOPT_OPENSOCKETDATA: easy->open_socket_arg = value; break;
    case CURLOPT_OPENSOCKETFUNCTION: memcpy(&easy->open_socket, &value, sizeof(value)); break;
    case CURLOPT_SOCKOPTFUNCTION: memcpy(&easy->set_socket, &value, sizeof(value)); break;
    case CURLOPT_SSL_CTX_FUNCTION: memcpy(&easy->set_context, &value, sizeof(value)); break;
    case CURLOPT_CAINFO_BLOB: easy->trust = blob_of(value); break;
    case CURLOPT_SSLCERT_BLOB: easy->certificate = blob_of(value); break;
    case CURLOPT_SSLKEY_BLOB: easy->key = blob_of(value); break;
    case CURLOPT_ABSTRACT_UNIX_SOCKET: easy->is_probe = true; break;
    case CURLOPT_URL:
    case CURLOPT_CONNECT_TO:
    case CURLOPT_NOPROXY:
    case CURLOPT_PROTOCOLS_STR:
    case CURLOPT_SHARE:
    case CURLOPT_CAPATH:
    case CURLOPT_CAINFO:
    case CURLOPT_KEYPASSWD: break;
    default: return CURLE_UNKNOWN_OPTION;
    }
    return CURLE_OK;
}

static CURLcode set_number(struct curl_easy_model *easy, CURLoption option, long value)
{
    switch ((int)option) {
    case CURLOPT_CONNECT_ONLY: easy->has_connect_only = value != 0; break;
    case CURLOPT_SSL_VERIFYPEER:
    case CURLOPT_SSL_VERIFYHOST:
        if (value == 0)
            sim_broken("certificates are not verified", "option %d", (int)option);
        break;
    case CURLOPT_FRESH_CONNECT:
    case CURLOPT_HTTP_VERSION:
    case CURLOPT_NOSIGNAL:
    case CURLOPT_BUFFERSIZE:
    case CURLOPT_TIMEOUT_MS:
    case CURLOPT_CONNECTTIMEOUT_MS: break;
    default: return CURLE_UNKNOWN_OPTION;
    }
    return CURLE_OK;
}

CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    CURLcode code;
    va_list args;

    va_start(args, option);
    if (!kernel_has_begun())
        code = REAL(curl_easy_setopt)(easy, option, va_arg(args, void *));
    else if ((int)option < CURLOPTTYPE_OBJECTPOINT)
        code = set_number(easy_of(easy), option, va_arg(args, long));
    else
        code = set_pointer(easy_of(easy), option, va_arg(args, void *));
    va_end(args);
    if (code == CURLE_UNKNOWN_OPTION && kernel_has_begun())
        sim_broken("libcurl is used in a way that is not modelled", "option %d", (int)option);
    return code;
}

static CURLcode get_info(struct curl_easy_model *easy, CURLINFO info, void *to)
{
    switch ((int)info) {
    case CURLINFO_PRIVATE: *(void **)to = easy->private; return CURLE_OK;
    case CURLINFO_ACTIVESOCKET: *(curl_socket_t *)to = easy->fd; return CURLE_OK;
    case CURLINFO_TLS_SSL_PTR: *(struct curl_tlssessioninfo **)to = &easy->session; return CURLE_OK;
    default: sim_broken("libcurl is used in a way that is not modelled", "info %d", (int)info);
    }
}

CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
    va_list args;
    void *to;

    va_start(args, info);
    to = va_arg(args, void *);
    va_end(args);
    return kernel_has_begun() ? get_info(easy_of(easy), info, to)
                              : REAL(curl_easy_getinfo)(easy, info, to);
}

CURLcode curl_easy_recv(CURL *easy, void *to, size_t max, size_t *n)
{
    return kernel_has_begun() ? curl_transfer_receive(easy_of(easy), to, max, n)
                              : REAL(curl_easy_recv)(easy, to, max, n);
}

CURLcode curl_easy_send(CURL *easy, const void *bytes, size_t len, size_t *n)
{
    return kernel_has_begun() ? curl_transfer_send(easy_of(easy), bytes, len, n)
                              : REAL(curl_easy_send)(easy, bytes, len, n);
}

/* Multi handles */

CURLM *curl_multi_init(void)
{
    return kernel_has_begun() ? (CURLM *)curl_transfer_multi_new() : REAL(curl_multi_init)();
}

CURLMcode curl_multi_cleanup(CURLM *multi)
{
    if (!kernel_has_begun())
        return REAL(curl_multi_cleanup)(multi);
    free(multi_of(multi));
    return CURLM_OK;
}

CURLMcode curl_multi_setopt(CURLM *handle, CURLMoption option, ...)
{
    struct curl_multi_model *multi = multi_of(handle);
    va_list args;
    void *value;

    va_start(args, option);
    value = va_arg(args, void *);
    va_end(args);
    if (!kernel_has_begun())
        return REAL(curl_multi_setopt)(handle, option, value);
    switch ((int)option) {
    case CURLMOPT_SOCKETFUNCTION: memcpy(&multi->on_socket, &value, sizeof(value)); break;
    case CURLMOPT_SOCKETDATA: multi->on_socket_arg = value; break;
    case CURLMOPT_TIMERFUNCTION: memcpy(&multi->on_timer, &value, sizeof(value)); break;
    case CURLMOPT_TIMERDATA: multi->on_timer_arg = value; break;
    case CURLMOPT_PIPELINING:
    case CURLMOPT_MAXCONNECTS: break;
    default: sim_broken("libcurl is used in a way that is not modelled", "option %d", (int)option);
    }
    return CURLM_OK;
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    if (!kernel_has_begun())
        return REAL(curl_multi_add_handle)(multi, easy);
    curl_transfer_add(multi_of(multi), easy_of(easy));
    return CURLM_OK;
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy)
{
    if (!kernel_has_begun())
        return REAL(curl_multi_remove_handle)(multi, easy);
    curl_transfer_remove(easy_of(easy));
    return CURLM_OK;
}

CURLMcode curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int what, int *running)
{
    if (!kernel_has_begun())
        return REAL(curl_multi_socket_action)(multi, fd, what, running);
    curl_transfer_act(multi_of(multi), fd);
    *running = (int)curl_transfer_running(multi_of(multi));
    return CURLM_OK;
}

/* Only for podop's test of certificates. */
CURLMcode curl_multi_perform(CURLM *multi, int *running)
{
    if (!kernel_has_begun())
        return REAL(curl_multi_perform)(multi, running);
    curl_transfer_act(multi_of(multi), CURL_SOCKET_TIMEOUT);
    *running = (int)curl_transfer_running(multi_of(multi));
    return CURLM_OK;
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *left)
{
    if (!kernel_has_begun())
        return REAL(curl_multi_info_read)(multi, left);
    *left = 0;
    return curl_transfer_next_message(multi_of(multi));
}

CURLMcode curl_multi_assign(CURLM *multi, curl_socket_t fd, void *arg)
{
    if (!kernel_has_begun())
        return REAL(curl_multi_assign)(multi, fd, arg);
    curl_transfer_assign(multi_of(multi), fd, arg);
    return CURLM_OK;
}

/* OpenSSL. Its headers are not needed. */

unsigned long OpenSSL_version_num(void);
uint64_t SSL_CTX_clear_options(void *context, uint64_t options);
int SSL_get_shutdown(const void *session);
int SSL_want(const void *session);

enum { VERSION_1_1_1 = 0x1010117f, VERSION_3_0 = 0x30000130 };
enum { IGNORE_UNEXPECTED_EOF = 1 << 7, RECEIVED_SHUTDOWN = 2 };
enum { SSL_WANTS_NOTHING = 1, SSL_WANTS_TO_WRITE, SSL_WANTS_TO_READ };

unsigned long OpenSSL_version_num(void)
{
    if (!kernel_has_begun())
        return REAL(OpenSSL_version_num)();
    return tls_client_library() == TLS_OPENSSL_1 ? VERSION_1_1_1 : VERSION_3_0;
}

uint64_t SSL_CTX_clear_options(void *context, uint64_t options)
{
    struct tls_client *client = context;

    if (!kernel_has_begun())
        return REAL(SSL_CTX_clear_options)(context, options);
    if ((options & IGNORE_UNEXPECTED_EOF) != 0)
        client->accepts_eof = false;
    return 0;
}

int SSL_get_shutdown(const void *session)
{
    const struct tls_client *client = session;

    if (!kernel_has_begun())
        return REAL(SSL_get_shutdown)(session);
    return client->is_shut ? RECEIVED_SHUTDOWN : 0;
}

int SSL_want(const void *session)
{
    const struct tls_client *client = session;

    if (!kernel_has_begun())
        return REAL(SSL_want)(session);
    switch (client->wants) {
    case TLS_WANTS_READ: return SSL_WANTS_TO_READ;
    case TLS_WANTS_WRITE: return SSL_WANTS_TO_WRITE;
    case TLS_DONE:
    case TLS_FAILED: break;
    }
    return SSL_WANTS_NOTHING;
}
