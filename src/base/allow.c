#include "podop/allow.h"

#include "podop/account.h"
#include "podop/mem.h"

#include <stdlib.h>
#include <string.h>

static const char user_prefix[] = "user:", group_prefix[] = "group:";

/* Returns the text after the prefix, or NULL if text does not begin with it. */
static const char *after_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : NULL;
}

static void add_rule(struct allow_list *list, struct allow_rule rule)
{
    list->rules = xreallocarray(list->rules, list->count + 1, sizeof(rule));
    list->rules[list->count++] = rule;
}

/* Keeps the reason if the user or group may exist. */
static enum allow_result not_found(struct allow_list *list, const struct error *err)
{
    if (err->kind == ERR_SYSTEM && list->failure == NULL)
        list->failure = xstrdup(err->text);
    return ALLOW_UNKNOWN;
}

static enum allow_result add_group(struct allow_list *list, const char *name, struct error *err)
{
    struct allow_rule rule = {.kind = ALLOW_GROUP};

    if (account_find_group(name, &rule.gid, err) == -1)
        return not_found(list, err);
    add_rule(list, rule);
    return ALLOW_ADDED;
}

static enum allow_result add_user(struct allow_list *list, const char *name, struct error *err)
{
    struct allow_rule rule = {.kind = ALLOW_USER};
    struct error ignored = {0};
    gid_t unused;

    if (account_find_user(name, &rule.uid, &unused, err) == 0) {
        add_rule(list, rule);
        return ALLOW_ADDED;
    }
    if (err->kind == ERR_CONFIG && account_find_group(name, &unused, &ignored) == 0)
        error_set(err, ERR_CONFIG, "there is no user '%s'; the group is \"%s%s\"", name,
                  group_prefix, name);
    return not_found(list, err);
}

static enum allow_result add_account(struct allow_list *list, const char *text, struct error *err)
{
    const char *group = after_prefix(text, group_prefix), *user = after_prefix(text, user_prefix);
    const char *name = group != NULL ? group : user != NULL ? user : text;

    if (name[0] == '\0') {
        error_set(err, ERR_CONFIG, "'%s' has no name", text);
        return ALLOW_FAULTY;
    }
    return group != NULL ? add_group(list, name, err) : add_user(list, name, err);
}

static enum allow_result add_network(struct allow_list *list, const char *text, struct error *err)
{
    struct allow_rule rule = {.kind = ALLOW_NETWORK};

    if (network_parse(text, &rule.network, err) == -1)
        return ALLOW_FAULTY;
    add_rule(list, rule);
    return ALLOW_ADDED;
}

static bool is_localhost(const char *text)
{
    return strcmp(text, "localhost") == 0;
}

static enum allow_result add_networks(struct allow_list *list, const char *text, struct error *err)
{
    if (!is_localhost(text))
        return add_network(list, text, err);
    add_network(list, "127.0.0.0/8", err);
    return add_network(list, "::1", err);
}

static bool is_account(const char *text)
{
    return after_prefix(text, user_prefix) != NULL || after_prefix(text, group_prefix) != NULL;
}

/* Returns whether text is, or was meant as, an address or a network. Names of users have no ':' and
 * no '/', and a user's number has no dot. */
static bool is_network(const char *text)
{
    struct network network;
    struct error ignored = {0};

    return !is_account(text) && (is_localhost(text) || strpbrk(text, ":/") != NULL ||
                                 network_parse(text, &network, &ignored) == 0);
}

enum allow_result allow_add(struct allow_list *list, const char *text, enum allow_sockets sockets,
                            struct error *err)
{
    list->is_limited = true;
    if (sockets == ALLOW_ON_TCP && is_account(text)) {
        error_set(err, ERR_CONFIG, "a TCP socket allows networks, and '%s' is a user or group",
                  text);
        return ALLOW_FAULTY;
    }
    if (sockets == ALLOW_ON_UNIX && is_network(text)) {
        error_set(err, ERR_CONFIG, "a unix socket allows users and groups, and '%s' is a network",
                  text);
        return ALLOW_FAULTY;
    }
    if (sockets == ALLOW_ON_TCP || (sockets == ALLOW_ON_BOTH && is_network(text)))
        return add_networks(list, text, err);
    return add_account(list, text, err);
}

void allow_clear(struct allow_list *list)
{
    free(list->rules);
    free(list->failure);
    *list = (struct allow_list){0};
}

static bool is_in_group(const struct allow_peer *peer, gid_t gid)
{
    bool is_in = peer->gid == gid;

    for (size_t i = 0; i < peer->group_count && !is_in; i++)
        is_in = peer->groups[i] == gid;
    return is_in;
}

static bool matches(const struct allow_rule *rule, const struct allow_peer *peer)
{
    switch (rule->kind) {
    case ALLOW_USER: return peer->is_unix && peer->uid == rule->uid;
    case ALLOW_GROUP: return peer->is_unix && is_in_group(peer, rule->gid);
    case ALLOW_NETWORK: return !peer->is_unix && network_has(&rule->network, &peer->address);
    }
    return false;
}

bool allow_has(const struct allow_list *list, const struct allow_peer *peer)
{
    bool is_allowed = !list->is_limited || (peer->is_unix && peer->uid == 0);

    for (size_t i = 0; i < list->count && !is_allowed; i++)
        is_allowed = matches(&list->rules[i], peer);
    return is_allowed;
}
