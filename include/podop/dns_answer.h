/* dns_answer.h - reads a DNS message that answers a query for records of one type (RFC 1035 section
 * 4). Pure: no I/O, no allocation. */
#ifndef PODOP_DNS_ANSWER_H
#define PODOP_DNS_ANSWER_H

#include "podop/span.h"

#include <stdint.h>

enum dns_type { DNS_A = 1, DNS_MX = 15, DNS_AAAA = 28 };

enum dns_verdict {
    DNS_RECORDS,    /* there is at least one record of that type */
    DNS_NO_RECORDS, /* the name exists, but has no record of that type */
    DNS_NO_NAME,    /* NXDOMAIN: the name does not exist */
    DNS_UNDECIDED,  /* the message is an error, a referral, or malformed */
};

struct dns_answer {
    enum dns_verdict verdict;
    const char *reason; /* of DNS_UNDECIDED; static */
    bool has_ttl;
    uint32_t ttl_s; /* how long the verdict may be cached */
    enum dns_type type;
    struct span message; /* borrowed */
    size_t records_at, records_count;
};

/* Reads a message. Every record of the type in the answer section counts, whichever name it belongs
 * to, because the name server has followed the aliases. */
void dns_answer_read(struct span message, enum dns_type type, struct dns_answer *answer);

enum { DNS_NAME_BYTES = 254 }; /* 253 and a NUL */

struct dns_record {
    uint16_t preference;       /* MX */
    char host[DNS_NAME_BYTES]; /* MX: in lower case, without a dot at the end, "" for the root.
                                * Bytes other than letters, digits, '-' and '_' become '?', so
                                * that no other name looks like a host name */
    unsigned char address[16]; /* A, AAAA */
    size_t address_len;
};

/* Walks the records of an answer, whose message must still exist. */
struct dns_cursor {
    const struct dns_answer *answer;
    size_t at, left;
};
struct dns_cursor dns_walk(const struct dns_answer *answer);
bool dns_next(struct dns_cursor *cursor, struct dns_record *record); /* false: no more records */

#endif
