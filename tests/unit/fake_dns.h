/* fake_dns.h - DNS messages as a name server would send them, built record by record. All names are
 * "dom.example", except those in the data of records. */
#ifndef PODOP_TESTS_FAKE_DNS_H
#define PODOP_TESTS_FAKE_DNS_H

#include "podop/buf.h"
#include "podop/dns_answer.h"

enum {
    FAKE_AA = 0x0400,
    FAKE_TC = 0x0200,
    FAKE_RA = 0x0080,
    FAKE_SERVFAIL = 2,
    FAKE_NXDOMAIN = 3,
    FAKE_NS = 2,
    FAKE_CNAME = 5,
    FAKE_SOA = 6,
    FAKE_TXT = 16,
};
#define FAKE_NAME "\xc0\x0c" /* dom.example in data */

/* Begins an answer to a question for MX records. The lowest bits of flags are the response code. */
void fake_dns_begin(struct buf *message, unsigned flags, unsigned answers, unsigned authorities);
void fake_dns_add(struct buf *message, unsigned class, unsigned type, unsigned ttl_s,
                  struct span data);
void fake_dns_add_soa(struct buf *message, unsigned ttl_s, unsigned minimum);

#endif
