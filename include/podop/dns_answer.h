/* dns_answer.h - what a DNS message says to a question for records of one type (RFC 1035 section
 * 4). Pure: no I/O, no allocation. */
#ifndef PODOP_DNS_ANSWER_H
#define PODOP_DNS_ANSWER_H

#include "podop/span.h"

#include <stdint.h>

enum dns_type { DNS_A = 1, DNS_MX = 15, DNS_AAAA = 28 };

enum dns_verdict {
    DNS_RECORDS,    /* there is at least one of that type */
    DNS_NO_RECORDS, /* the name is there, but none of that type */
    DNS_NO_NAME,    /* NXDOMAIN */
    DNS_UNDECIDED,  /* the message says neither: an error, a referral, or malformed */
};

struct dns_answer {
    enum dns_verdict verdict;
    const char *reason; /* UNDECIDED: why, in words; static */
    bool has_ttl;
    uint32_t ttl_s; /* so long the verdict holds */
    enum dns_type type;
    struct span message; /* borrowed */
    size_t records_at, records_count;
};

/* Of the answer section every record of the type counts, whoever it belongs to: whoever is asked
 * follows the aliases. */
void dns_answer_read(struct span message, enum dns_type type, struct dns_answer *answer);

enum { DNS_NAME_BYTES = 254 }; /* 253 and a NUL */

struct dns_record {
    uint16_t preference;       /* MX */
    char host[DNS_NAME_BYTES]; /* MX: lower case, no dot at the end, "" for the root; any byte but
                                * letters, digits, '-' and '_' is a '?', so that no other name
                                * looks like a host's */
    unsigned char address[16]; /* A, AAAA */
    size_t address_len;
};

/* The records that made the verdict; message must still be there. */
struct dns_cursor {
    const struct dns_answer *answer;
    size_t at, left;
};
struct dns_cursor dns_walk(const struct dns_answer *answer);
bool dns_next(struct dns_cursor *cursor, struct dns_record *record); /* false: that was all */

#endif
