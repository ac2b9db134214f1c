/* name_server.h - DNS over UDP and TCP: addresses of backends, and the MX records of dns tables. */
#ifndef SIM_NAME_SERVER_H
#define SIM_NAME_SERVER_H

#include "../kernel/kernel.h"
#include "../model/judge.h"

/* What all name servers know. */
struct zone;
struct zone *zone_new(void);
void zone_free(struct zone **zone);

/* The A records of a name: addresses without ports, with commas. NULL or "": there is no such name.
 * A "6:" before an address is for AAAA. */
void zone_set(struct zone *zone, const char *name, const char *addresses, unsigned ttl_s);

/* Names that are keys of this table have the MX record host when the store has a value for them,
 * and otherwise another one, none, or they do not exist. */
void zone_mx(struct zone *zone, struct truth *store, const char *host);

struct name_server;
struct name_server *name_server_new(struct zone *zone, const char *address);
void name_server_free(struct name_server **server);

enum name_state {
    NAMES_WELL,
    NAMES_DEAD, /* the port is closed */
    NAMES_SILENT,
    NAMES_SERVFAIL,
    NAMES_REFUSED,
    NAMES_GARBAGE,    /* no DNS, another id, another question */
    NAMES_SLOW,       /* after 0.2 to 3 seconds */
    NAMES_TWICE,      /* each answer twice */
    NAMES_CUT,        /* by UDP, no answer is whole (TC); by TCP all are well */
    NAMES_CUT_SLOW,   /* the same, and TCP answers in pieces, after 0.2 to 3 seconds */
    NAMES_CUT_BROKEN, /* the same, and TCP is refused, or ends within an answer */
    NAMES_STATES
};
extern const char *const name_state_names[NAMES_STATES];
void name_server_state(struct name_server *server, enum name_state state);
enum name_state name_server_now(const struct name_server *server);
uint64_t name_server_queries(const struct name_server *server);

#endif
