/* name_files.h - what /etc/resolv.conf and /etc/hosts say (resolv.conf(5), hosts(5)). The parsers
 * are pure. Private to src/backend. */
#ifndef PODOP_BACKEND_DNS_NAME_FILES_H
#define PODOP_BACKEND_DNS_NAME_FILES_H

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
    NDOTS_MAX = 15,                        /* the C library's limit */
    NAME_FILE_BYTES_MAX = 4 * 1024 * 1024, /* the rest of a larger file is ignored */
};

struct resolv_conf {
    char servers[NAME_SERVERS_MAX][ENDPOINT_TEXT_BYTES]; /* as endpoint_parse() reads them */
    size_t server_count;                                 /* at least one; by default 127.0.0.1 */
    char search[SEARCH_DOMAINS_MAX][DNS_NAME_BYTES];     /* without dots at their ends */
    size_t search_count;
    unsigned ndots; /* names with fewer dots try the search domains first */
};

/* Reads resolv.conf. own_domain is the search domain if the file has none; "" means none. Lines
 * that cannot be read are ignored. */
void resolv_conf_parse(struct span text, const char *own_domain, struct resolv_conf *to);
/* Reads the system's file; a missing one counts as empty. Returns false with errno when it cannot
 * be opened now, for lack of descriptors or memory; then it counts as empty, too. */
bool resolv_conf_read(struct resolv_conf *to);

/* Writes the candidate with that number, from 0 on, in the order in which they are queried. A
 * candidate that would be too long is empty. Returns false after the last one. */
bool resolv_conf_candidate(const struct resolv_conf *conf, const char *host, size_t number,
                           char name[DNS_NAME_BYTES]);

/* Collects the addresses of the name from all lines, at most max. Returns the count. */
size_t hosts_find(struct span text, const char *name, struct endpoint *to, size_t max);
/* Appends the file, as far as it can be read, to the buffer. Returns false when it cannot be opened
 * now, for lack of descriptors or memory. A file that is missing, or may not be read, is empty. */
bool name_file_read(const char *path, struct buf *to);

/* Distinguishes versions of a file. A change is missed only if the size stays the same and the
 * file system's clock has not moved. */
struct name_file_state {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};
/* Updates the state. Returns true if it has changed. */
bool name_file_has_changed(const char *path, struct name_file_state *state);

#endif
