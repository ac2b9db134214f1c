/* name_files.h - what /etc/resolv.conf and /etc/hosts say (resolv.conf(5), hosts(5)). The parsers
 * are pure. Private to src/backend. */
#ifndef PODOP_BACKEND_NAME_FILES_H
#define PODOP_BACKEND_NAME_FILES_H

#include "podop/buf.h"
#include "podop/dns_answer.h"
#include "podop/endpoint.h"

#include <sys/types.h>
#include <time.h>

#define RESOLV_CONF_PATH "/etc/resolv.conf"
#define HOSTS_PATH "/etc/hosts"

enum {
    NAME_SERVERS_MAX = 8,
    SEARCH_DOMAINS_MAX = 8,
    NDOTS_MAX = 15,                        /* as the C library has it */
    NAME_FILE_BYTES_MAX = 4 * 1024 * 1024, /* what is beyond is not read */
};

struct resolv_conf {
    char servers[NAME_SERVERS_MAX][ENDPOINT_TEXT_BYTES]; /* as endpoint_parse() reads them */
    size_t server_count;                                 /* at least one: this machine */
    char search[SEARCH_DOMAINS_MAX][DNS_NAME_BYTES];     /* without dots at their ends */
    size_t search_count;
    unsigned ndots; /* a name with fewer dots is looked for in the search domains first */
};

/* own_domain is searched where the file names none; "": there is none. What cannot be read is
 * passed over. */
void resolv_conf_parse(struct span text, const char *own_domain, struct resolv_conf *to);
void resolv_conf_read(struct resolv_conf *to); /* the system's; what is not there is empty */

/* The names that host may stand for, in the order in which they are asked for, from number 0 on;
 * false: there are no more. One that would be too long is empty. */
bool resolv_conf_candidate(const struct resolv_conf *conf, const char *host, size_t number,
                           char name[DNS_NAME_BYTES]);

/* All addresses that the text gives name, of whatever line, at most max; returns how many. */
size_t hosts_find(struct span text, const char *name, struct endpoint *to, size_t max);
/* Adds the whole file, or what of it can be read, to the buffer. */
void name_file_read(const char *path, struct buf *to);

/* A state of a file: any other content has another, but for a change within one tick of the file
 * system's clock that leaves the size as it is. */
struct name_file_state {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};
/* Notes the state; true: it is another than was noted before. */
bool name_file_has_changed(const char *path, struct name_file_state *state);

#endif
