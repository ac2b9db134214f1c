#include "fake_dns.h"

static void add_number(struct buf *message, unsigned n, unsigned bytes)
{
    for (; bytes > 0; bytes--)
        buf_add_char(message, (char)(n >> (bytes - 1) * 8 & 0xff));
}

void fake_dns_begin(struct buf *message, unsigned flags, unsigned answers, unsigned authorities)
{
    buf_clear(message);
    add_number(message, 0x1234, 2);
    add_number(message, 0x8100 | flags, 2);
    add_number(message, 1, 2);
    add_number(message, answers, 2);
    add_number(message, authorities, 2);
    add_number(message, 0, 2);
    buf_add(message, SPAN("\3dom\7example\0"));
    add_number(message, DNS_MX, 2);
    add_number(message, 1, 2);
}

void fake_dns_add(struct buf *message, unsigned class, unsigned type, unsigned ttl_s,
                  struct span data)
{
    buf_add(message, SPAN(FAKE_NAME));
    add_number(message, type, 2);
    add_number(message, class, 2);
    add_number(message, ttl_s, 4);
    add_number(message, (unsigned)data.len, 2);
    buf_add(message, data);
}

void fake_dns_add_soa(struct buf *message, unsigned ttl_s, unsigned minimum)
{
    struct buf data;

    buf_init(&data, SIZE_MAX);
    buf_add(&data, SPAN("\0" FAKE_NAME));
    for (unsigned i = 1; i <= 4; i++)
        add_number(&data, i, 4);
    add_number(&data, minimum, 4);
    fake_dns_add(message, 1, FAKE_SOA, ttl_s, buf_span(&data));
    buf_deinit(&data);
}
