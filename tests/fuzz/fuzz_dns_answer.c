/* The first byte chooses the type, the rest is the message. */
#include "fuzz.h"

#include "podop/dns_answer.h"

static void check_record(const struct dns_record *record, enum dns_type type)
{
    if (type != DNS_MX) {
        PROMISE(record->address_len == (type == DNS_A ? 4 : 16));
        return;
    }
    PROMISE(strlen(record->host) < DNS_NAME_BYTES);
    for (const char *c = record->host; *c != '\0'; c++)
        PROMISE((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr("-_.?", *c) != NULL);
}

static void check(struct span message, enum dns_type type)
{
    struct dns_answer answer;
    struct dns_record record;
    struct dns_cursor cursor;
    size_t count = 0;

    dns_answer_read(message, type, &answer);
    PROMISE((answer.reason != NULL) == (answer.verdict == DNS_UNDECIDED));
    PROMISE(!answer.has_ttl || answer.ttl_s <= INT32_MAX);
    for (cursor = dns_walk(&answer); dns_next(&cursor, &record); count++)
        check_record(&record, type);
    PROMISE((count > 0) == (answer.verdict == DNS_RECORDS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[] = {DNS_MX, DNS_A, DNS_AAAA};

    if (size > 0)
        check(span_skip((struct span){(const char *)data, size}, 1), types[data[0] % 3]);
    return 0;
}
