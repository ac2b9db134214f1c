#include "dns_explain.h"

#include "table/fetch.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { RECORDS_SHOWN_MAX = 20 };

static void add_record(struct buf *out, const struct dns_answer *answer,
                       const struct dns_record *record)
{
    char address[INET6_ADDRSTRLEN] = "";

    if (answer->type == DNS_MX) {
        buf_add_uint(out, record->preference);
        buf_add_char(out, ' ');
        buf_add(out, record->host[0] == '\0' ? SPAN(".") : span_of(record->host));
        return;
    }
    inet_ntop(answer->type == DNS_A ? AF_INET : AF_INET6, record->address, address,
              sizeof(address));
    buf_add(out, span_of(address));
}

static void add_records(struct buf *out, const struct dns_answer *answer)
{
    struct dns_cursor cursor = dns_walk(answer);
    struct dns_record record;
    unsigned count = 0;

    while (dns_next(&cursor, &record) && count++ < RECORDS_SHOWN_MAX) {
        if (count > 1)
            buf_add(out, SPAN(", "));
        add_record(out, answer, &record);
    }
    if (count > RECORDS_SHOWN_MAX)
        buf_add(out, SPAN(", ..."));
}

void dns_explain_answer(const struct fetch *fetch, enum dns_type type, const char *name,
                        const struct resolver_answer *answer)
{
    static const char *const types[] = {[DNS_MX] = "MX", [DNS_A] = "A", [DNS_AAAA] = "AAAA"};
    struct buf text;

    if (fetch->notes == NULL)
        return;
    buf_init(&text, BUF_LIMITED_BY_INPUT);
    buf_add(&text, span_of(name));
    buf_add(&text, SPAN(": "));
    if (answer->outcome != RESOLVER_ANSWERED)
        buf_add(&text, span_of(answer->reason));
    else if (answer->dns.verdict == DNS_RECORDS)
        add_records(&text, &answer->dns);
    else
        buf_add(&text, answer->dns.verdict == DNS_NO_NAME ? SPAN("there is no such name")
                                                          : SPAN("there are no such records"));
    fetch_note(fetch, types[type], buf_span(&text));
    buf_deinit(&text);
}
