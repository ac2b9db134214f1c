#include "listeners.h"

#include "podop/mem.h"

#include <stdlib.h>

static bool is_same_address(const struct socket_address *a, const struct socket_address *b)
{
    return a->len == b->len && memcmp(&a->u, &b->u, a->len) == 0;
}

/* Plans to keep the open sockets whose setting has the same text, because resolving a host name
 * again could block. */
static bool plan_same_spelling(struct listeners *all, const struct listen_config *config)
{
    bool is_found = false;

    for (struct listener *l = all->first; l != NULL; l = l->next) {
        if (l->planned == NULL && strcmp(l->service->base.listen->socket, config->socket) == 0 &&
            listener_fits(l, config)) {
            l->planned = config;
            is_found = true;
        }
    }
    return is_found;
}

static struct listener *find_open(struct listeners *all, const struct socket_address *at)
{
    struct listener *l = all->first;

    while (l != NULL &&
           (l->fd == -1 || !is_same_address(&l->address, at) || l->address.fd != at->fd))
        l = l->next;
    return l;
}

static int plan_address(struct listeners *all, const struct socket_address *at,
                        struct config *config, const struct listen_config *listen,
                        struct error *err)
{
    struct listener *l = find_open(all, at);
    struct listener *added;
    struct listener_service *service;

    if (l != NULL && l->planned == listen)
        return 0; /* /etc/hosts may have an address twice */
    if (l != NULL && l->planned != NULL)
        return error_set(err, ERR_BIND, "%s is in use already, for %s", at->text,
                         l->planned->socket);
    if (l != NULL && listener_fits(l, listen)) {
        l->planned = listen;
        return 0;
    }
    added = xmalloc(sizeof(*added));
    service = listener_service_new(config, listen, all->log);
    service->base.admin = all->admin;
    if (listener_open(added, all->loop, at, service, l, err) == -1) {
        free(added);
        return -1;
    }
    added->planned = listen;
    added->next = all->first;
    all->first = added;
    return 0;
}

/* Fills *found. The thread of a reload has resolved the host names; at the start, when no client
 * waits, they are resolved here. */
static void find_addresses(struct listeners *all, const struct listen_config *listen,
                           struct socket_addresses *found)
{
    const char *bare;

    if (listen->resolved != NULL)
        *found = *listen->resolved;
    else if (socket_address_kind(listen->socket, &bare) == SOCKET_SYSTEMD)
        found->count = activation_resolve(all->activation, bare, found->at, SOCKET_ADDRESSES_MAX,
                                          &found->failure);
    else
        found->count = socket_address_resolve(listen->socket, found->at, SOCKET_ADDRESSES_MAX,
                                              &found->failure);
}

static int plan_addresses(struct listeners *all, struct config *config,
                          const struct listen_config *listen, struct error *err)
{
    struct socket_addresses found = {0};
    int planned = 0;

    if (plan_same_spelling(all, listen))
        return 0;
    find_addresses(all, listen, &found);
    if (found.count == -1) {
        *err = found.failure;
        return -1;
    }
    for (int i = 0; i < found.count; i++) {
        if (plan_address(all, &found.at[i], config, listen, err) == 0)
            planned++;
        else if (err->kind != ERR_NO_ADDRESS || (planned == 0 && i + 1 == found.count))
            return -1; /* one missing address is allowed: localhost is [::1] even without IPv6 */
    }
    return 0;
}

static int plan_socket(struct listeners *all, struct config *config,
                       const struct listen_config *listen, struct error *err)
{
    return plan_addresses(all, config, listen, err) == -1 ? error_prefix(err, "%s", listen->origin)
                                                          : 0;
}

static int plan_optional(struct listeners *all, struct config *config,
                         const struct listen_config *listen, struct error *err)
{
    return listen_config_is_set(listen) ? plan_socket(all, config, listen, err) : 0;
}

static bool is_new(const struct listener *l)
{
    return l->planned != NULL && l->service->base.listen == l->planned;
}

/* Closes the sockets that were opened for the plan, and drops the plan. */
static void give_up(struct listeners *all)
{
    for (struct listener *l = all->first; l != NULL; l = l->next) {
        if (is_new(l))
            listener_close(l);
        l->planned = NULL;
    }
    listeners_forget_closed(all);
}

int listeners_plan(struct listeners *all, struct config *config, struct error *err)
{
    int status = plan_optional(all, config, &config->control, err);

    if (status == 0)
        status = plan_optional(all, config, &config->http, err);
    for (size_t i = 0; i < config->listen_count && status == 0; i++)
        status = plan_socket(all, config, &config->listen[i], err);
    if (status == -1)
        give_up(all);
    return status;
}

/* Returns whether l takes the place of another socket that is open now. */
static bool replaces(struct listeners *all, const struct listener *l)
{
    for (const struct listener *other = all->first; other != NULL; other = other->next) {
        if (other != l && other->fd != -1 && is_same_address(&other->address, &l->address))
            return true;
    }
    return false;
}

static int publish(struct listeners *all, bool is_replacing, struct error *err)
{
    for (struct listener *l = all->first; l != NULL; l = l->next) {
        if (is_new(l) && replaces(all, l) == is_replacing && listener_publish(l, err) == -1)
            return error_prefix(err, "%s", l->planned->origin);
    }
    return 0;
}

int listeners_switch(struct listeners *all, struct config *config, struct error *err)
{
    /* Replacing a socket file cannot be undone on all file systems. It comes last, when the renames
     * that can be undone have succeeded. */
    if (publish(all, false, err) == -1 || publish(all, true, err) == -1) {
        give_up(all);
        return -1;
    }
    for (struct listener *l = all->first; l != NULL; l = l->next) {
        if (l->planned != NULL) {
            listener_settle(l);
            listener_service_set_config(l->service, config, l->planned);
        } else {
            listener_drain(l);
            listener_close(l);
        }
        l->planned = NULL;
    }
    listeners_forget_closed(all);
    return 0;
}

void listeners_serve(struct listeners *all, const struct router *router)
{
    for (struct listener *l = all->first; l != NULL; l = l->next)
        listener_service_set_router(l->service, router);
}

void listeners_start(struct listeners *all, int fd_max, listener_accept_fn *accept, void *arg)
{
    for (struct listener *l = all->first; l != NULL; l = l->next) {
        if (l->fd != -1)
            listener_start(l, fd_max, accept, arg);
    }
}

static void add_requests(struct request_counts *to, const struct request_counts *from)
{
    for (size_t i = 0; i < REQUEST_KINDS; i++)
        to->of[i] += from->of[i];
}

void listeners_forget_closed(struct listeners *all)
{
    struct listener **link = &all->first;

    while (*link != NULL) {
        struct listener *l = *link;

        if (l->fd == -1 && l->clients == 0) {
            *link = l->next;
            add_requests(&all->past_requests, &l->service->base.requests);
            listener_free(&l);
        } else {
            link = &l->next;
        }
    }
}

void listeners_drain(struct listeners *all)
{
    for (struct listener *l = all->first; l != NULL; l = l->next)
        listener_drain(l);
}

void listeners_close(struct listeners *all)
{
    for (struct listener *l = all->first; l != NULL; l = l->next)
        listener_close(l);
}

void listeners_close_clients(struct listeners *all)
{
    for (struct listener *l = all->first; l != NULL; l = l->next) {
        if (l->service->base.listen->mode != MODE_HTTP)
            listener_close(l);
    }
}

/* Adds the clients of closed sockets of the same address, which a reload has replaced. */
static void add_closed(const struct listeners *all, const struct listener *open,
                       struct listener_counts *to)
{
    for (const struct listener *l = all->first; l != NULL; l = l->next) {
        if (l->fd == -1 && is_same_address(&l->address, &open->address))
            to->clients += l->clients;
    }
}

static struct span name_of_mode(enum listen_mode mode)
{
    static const char *const names[] = {[MODE_AUTO] = "auto",
                                        [MODE_POSTFIX] = "postfix",
                                        [MODE_DOVECOT] = "dovecot",
                                        [MODE_CONTROL] = "control",
                                        [MODE_HTTP] = "http"};

    return span_of(names[mode]);
}

bool listeners_count(const struct listeners *all, size_t i, struct listener_counts *to)
{
    for (const struct listener *l = all->first; l != NULL; l = l->next) {
        if (l->fd == -1 || i-- > 0)
            continue;
        *to = (struct listener_counts){
            .socket = span_of(l->address.text),
            .mode = name_of_mode(l->service->base.listen->mode),
            .clients = l->clients,
            .clients_max = l->service->base.listen->max_clients,
            .accepted = l->accepted,
            .refused = l->admission.refused,
        };
        add_closed(all, l, to);
        return true;
    }
    return false;
}

struct request_counts listeners_count_requests(const struct listeners *all)
{
    struct request_counts sum = all->past_requests;

    for (const struct listener *l = all->first; l != NULL; l = l->next)
        add_requests(&sum, &l->service->base.requests);
    return sum;
}

void listeners_free(struct listeners *all)
{
    listeners_close(all);
    listeners_forget_closed(all);
}
