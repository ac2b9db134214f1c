/* server_state.h - all that a server owns. Only the files server*.c look inside. */
#ifndef PODOP_SERVER_SERVER_STATE_H
#define PODOP_SERVER_SERVER_STATE_H

#include "activation.h"
#include "clients.h"
#include "listeners.h"
#include "notify.h"
#include "reloads.h"
#include "sandbox.h"

#include "monitor/fault_list.h"
#include "monitor/monitor.h"

#include "podop/coprocess.h"
#include "podop/deadline.h"
#include "podop/disposal.h"
#include "podop/file_watch.h"
#include "podop/http.h"
#include "podop/json_renewal.h"
#include "podop/slices.h"
#include "podop/transaction.h"
#include "podop/write_behind.h"

struct server {
    struct ev_loop *loop;
    struct config_source source;
    struct log log;
    struct config *config; /* a reference */
    struct http *http;
    struct coprocesses *coprocesses;
    struct router *router;
    struct file_watch *file_watch;
    struct json_renewals *json_renewals;
    struct json_files *json_files; /* files of the router's tables */
    struct disposal disposal;      /* frees large memory, in the slices of disposing */
    struct slices disposing;
    struct reloads reloads;
    struct fault_list reload_faults; /* of the last reload */
    struct activation activation;
    struct listeners listeners;
    struct clients clients;
    struct monitor *monitor;
    struct commits commits;
    struct write_behind *write_behind;
    struct hash_key hash_key; /* of the keys of tables */
    struct notify notify;
    struct admin admin; /* for the control socket */
    struct server_counts counts;
    struct sandbox sandbox;
    struct deadline stop_deadline;
    bool is_stopping;
    bool is_user; /* podop runs as the configured user, which no reload changes */
};

#endif
