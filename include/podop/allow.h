/* allow.h - the setting 'allow' of a socket: which clients may connect. On a unix socket the kernel
 * tells user and groups of a client, on TCP its address decides. */
#ifndef PODOP_ALLOW_H
#define PODOP_ALLOW_H

#include "network.h"

#include <sys/types.h>

enum allow_kind { ALLOW_USER, ALLOW_GROUP, ALLOW_NETWORK };

struct allow_rule {
    enum allow_kind kind;
    uid_t uid;              /* USER */
    gid_t gid;              /* GROUP */
    struct network network; /* NETWORK */
};

/* Zero-initialised: every client is allowed. */
struct allow_list {
    struct allow_rule *rules;
    size_t count;
    bool is_limited; /* only those of the rules are allowed, of which there may be none */
    char *failure;   /* why a user or group could not be looked up, or NULL */
};

/* Which rules a socket can have. systemd may pass sockets of both kinds under one name. */
enum allow_sockets { ALLOW_ON_UNIX, ALLOW_ON_TCP, ALLOW_ON_BOTH };

/* A client. groups is borrowed. */
struct allow_peer {
    bool is_unix;
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* the supplementary ones */
    size_t group_count;
    struct endpoint address; /* on TCP; never IPv4-mapped */
};

enum allow_result { ALLOW_ADDED, ALLOW_UNKNOWN, ALLOW_FAULTY };

/* Adds the rules of one text: "NAME" or "user:NAME", "group:NAME", numbers in place of names, a
 * network of network.h, or "localhost", which is 127.0.0.0/8 and ::1. Fills err unless the result
 * is ADDED. UNKNOWN: there is no user or group of that name, or the search for it has failed, which
 * sets list->failure as well; so no rule was added. */
enum allow_result allow_add(struct allow_list *list, const char *text, enum allow_sockets sockets,
                            struct error *err);
void allow_clear(struct allow_list *list);

/* Returns whether the client may connect. The user root may always connect to a unix socket,
 * because root could become each of the users. */
bool allow_has(const struct allow_list *list, const struct allow_peer *peer);

#endif
