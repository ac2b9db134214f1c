/* curl_transfer.h - the part of libcurl that podop uses for TLS: handles with CURLOPT_CONNECT_ONLY
 * whose socket is connected already, and the multi handle that makes their handshakes. */
#ifndef SIM_CURL_TRANSFER_H
#define SIM_CURL_TRANSFER_H

#include "tls_client.h"

#include "podop/list.h"

#include <curl/curl.h>

struct curl_multi_model {
    struct list easies; /* in the order in which they were added */
    curl_socket_callback on_socket;
    void *on_socket_arg;
    curl_multi_timer_callback on_timer;
    void *on_timer_arg;
};

struct curl_easy_model {
    struct list_node node; /* of a multi handle */
    struct curl_multi_model *multi;
    enum curl_step {
        CURL_STEP_NEW,
        CURL_STEP_CONNECTING,
        CURL_STEP_ENDED,    /* to be reported */
        CURL_STEP_REPORTED, /* connected, or failed */
    } step;
    CURLcode code; /* of the transfer */
    CURLMsg message;
    curl_socket_t fd; /* CURL_SOCKET_BAD: none */
    struct tls_client *tls;
    struct curl_tlssessioninfo session;
    int watched; /* CURL_POLL_... */
    void *socket_arg;
    /* Options */
    CURLU *url;
    char *error;
    void *private;
    bool has_connect_only;
    bool is_probe; /* CURLOPT_ABSTRACT_UNIX_SOCKET: podop's test of certificates */
    curl_opensocket_callback open_socket;
    void *open_socket_arg;
    curl_sockopt_callback set_socket;
    curl_ssl_ctx_callback set_context;
    struct span trust, certificate, key;
};

struct curl_easy_model *curl_transfer_easy_new(void);
void curl_transfer_easy_free(struct curl_easy_model *easy);
CURLcode curl_transfer_receive(struct curl_easy_model *easy, void *to, size_t max, size_t *n);
CURLcode curl_transfer_send(struct curl_easy_model *easy, const void *bytes, size_t len, size_t *n);

struct curl_multi_model *curl_transfer_multi_new(void);
void curl_transfer_add(struct curl_multi_model *multi, struct curl_easy_model *easy);
void curl_transfer_remove(struct curl_easy_model *easy);
/* Goes on with the transfer of the socket; CURL_SOCKET_TIMEOUT: with all that have not begun. */
void curl_transfer_act(struct curl_multi_model *multi, curl_socket_t fd);
CURLMsg *curl_transfer_next_message(struct curl_multi_model *multi);
size_t curl_transfer_running(const struct curl_multi_model *multi);
void curl_transfer_assign(struct curl_multi_model *multi, curl_socket_t fd, void *arg);

#endif
