#include "podop/dns_answer.h"

enum {
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    CLASS_IN = 1,
    HEADER_BYTES = 12,
    QUESTION_BYTES = 4, /* after the name */
    LABEL_BYTES_MAX = 63,
    NAME_WIRE_BYTES_MAX = 255,
    JUMPS_MAX = 127,  /* compression pointers in a name, which has at most as many labels */
    ALIASES_MAX = 16, /* in a chain; name servers follow fewer */
    POINTER_BITS = 0xc0,
    FLAG_AUTHORITATIVE = 0x0400,
    FLAG_TRUNCATED = 0x0200,
    FLAG_RECURSION_AVAILABLE = 0x0080,
    RCODE_MASK = 0xf,
    RCODE_OK = 0,
    RCODE_FORMAT = 1,
    RCODE_SERVER = 2,
    RCODE_NO_NAME = 3,
    RCODE_NOT_IMPLEMENTED = 4,
    RCODE_REFUSED = 5,
};

/* One record of any type. */
struct raw_record {
    unsigned type, class;
    uint32_t ttl_s;
    size_t data_at, data_len;
};

static unsigned byte_at(struct span m, size_t at)
{
    return (unsigned char)m.ptr[at];
}

/* Takes a big-endian number off the message. */
static bool take_number(struct span m, size_t *at, unsigned bytes, uint32_t *n)
{
    if (m.len - *at < bytes)
        return false;
    for (*n = 0; bytes > 0; bytes--)
        *n = *n << 8 | byte_at(m, (*at)++);
    return true;
}

static char host_char(unsigned c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
        return (char)c;
    return '?';
}

/* Takes a name off the message. A name may continue at an earlier place of the message (RFC 1035
 * section 4.1.4). Each jump must lead further to the front than the one before, so there is an
 * end. */
static bool take_name(struct span m, size_t *at, char text[DNS_NAME_BYTES])
{
    size_t from = *at, part_at = *at, len = 0, wire = 1;
    unsigned jumps = 0;

    for (;;) {
        unsigned c;

        if (from >= m.len)
            return false;
        c = byte_at(m, from++);
        if (c >= POINTER_BITS) {
            if (from == m.len)
                return false;
            c = (c & ~(unsigned)POINTER_BITS) << 8 | byte_at(m, from++);
            if (jumps == 0)
                *at = from;
            if (c >= part_at || ++jumps > JUMPS_MAX)
                return false;
            part_at = from = c;
            continue;
        }
        wire += c + 1;
        if (c > LABEL_BYTES_MAX || c > m.len - from || (c > 0 && wire > NAME_WIRE_BYTES_MAX))
            return false;
        if (c == 0)
            break;
        if (len > 0)
            text[len++] = '.';
        for (; c > 0; c--)
            text[len++] = host_char(byte_at(m, from++));
    }
    text[len] = '\0';
    if (jumps == 0)
        *at = from;
    return true;
}

static bool take_record(struct span m, size_t *at, struct raw_record *r)
{
    char owner[DNS_NAME_BYTES];
    uint32_t type, class, len;

    if (!take_name(m, at, owner) || !take_number(m, at, 2, &type) ||
        !take_number(m, at, 2, &class) || !take_number(m, at, 4, &r->ttl_s) ||
        !take_number(m, at, 2, &len) || m.len - *at < len)
        return false;
    r->type = (unsigned)type;
    r->class = (unsigned)class;
    if (r->ttl_s > INT32_MAX) /* RFC 2181 section 8 */
        r->ttl_s = 0;
    r->data_at = *at;
    r->data_len = len;
    *at += len;
    return true;
}

static bool read_data(struct span m, enum dns_type type, const struct raw_record *raw,
                      struct dns_record *to)
{
    const size_t end = raw->data_at + raw->data_len;
    size_t at = raw->data_at;
    uint32_t preference;

    *to = (struct dns_record){0};
    if (type == DNS_MX) {
        if (!take_number(m, &at, 2, &preference) || !take_name(m, &at, to->host) || at != end)
            return false;
        to->preference = (uint16_t)preference;
        return true;
    }
    to->address_len = type == DNS_A ? 4 : 16;
    if (raw->data_len != to->address_len)
        return false;
    memcpy(to->address, m.ptr + raw->data_at, raw->data_len);
    return true;
}

static void bound_ttl(struct dns_answer *a, uint32_t ttl_s)
{
    if (!a->has_ttl || ttl_s < a->ttl_s)
        a->ttl_s = ttl_s;
    a->has_ttl = true;
}

/* Reads how long a negative answer may be cached (RFC 2308 section 5). */
static bool read_soa(struct dns_answer *a, const struct raw_record *raw)
{
    char server[DNS_NAME_BYTES], mailbox[DNS_NAME_BYTES];
    size_t at = raw->data_at;
    uint32_t n = 0;

    if (!take_name(a->message, &at, server) || !take_name(a->message, &at, mailbox))
        return false;
    for (int i = 0; i < 5; i++) { /* the last of the five is the minimum */
        if (!take_number(a->message, &at, 4, &n))
            return false;
    }
    if (at != raw->data_at + raw->data_len)
        return false;
    bound_ttl(a, n < raw->ttl_s ? n : raw->ttl_s);
    return true;
}

struct header {
    uint32_t id, flags, questions, answers, authorities, others;
};

/* What the verdict depends on, from all sections. */
struct content {
    char name[DNS_NAME_BYTES];
    bool has_record, has_alias, has_soa;
};

static bool read_header(struct span m, size_t *at, struct header *h, char name[DNS_NAME_BYTES])
{
    if (m.len < HEADER_BYTES)
        return false;
    take_number(m, at, 2, &h->id);
    take_number(m, at, 2, &h->flags);
    take_number(m, at, 2, &h->questions);
    take_number(m, at, 2, &h->answers);
    take_number(m, at, 2, &h->authorities);
    take_number(m, at, 2, &h->others);
    for (uint32_t i = 0; i < h->questions; i++) {
        if (!take_name(m, at, name) || m.len - *at < QUESTION_BYTES)
            return false;
        *at += QUESTION_BYTES;
    }
    return true;
}

static bool read_answers(struct dns_answer *a, size_t *at, struct content *c)
{
    struct dns_record record;
    struct raw_record raw;

    for (size_t i = 0; i < a->records_count; i++) {
        if (!take_record(a->message, at, &raw))
            return false;
        if (raw.class != CLASS_IN || (raw.type != TYPE_CNAME && raw.type != (unsigned)a->type))
            continue;
        if (raw.type == TYPE_CNAME)
            c->has_alias = true;
        else if (!read_data(a->message, a->type, &raw, &record))
            return false;
        else
            c->has_record = true;
        bound_ttl(a, raw.ttl_s);
    }
    return true;
}

static bool read_authorities(struct dns_answer *a, size_t *at, uint32_t count, struct content *c)
{
    struct raw_record raw;

    for (uint32_t i = 0; i < count; i++) {
        if (!take_record(a->message, at, &raw))
            return false;
        if (raw.class != CLASS_IN || raw.type != TYPE_SOA)
            continue;
        c->has_soa = true;
        if (!read_soa(a, &raw))
            return false;
    }
    return true;
}

/* Replaces name by its alias. Returns false when it has none. */
static bool follow(const struct dns_answer *a, char name[DNS_NAME_BYTES])
{
    size_t at = a->records_at;

    for (size_t i = 0; i < a->records_count; i++) {
        char owner[DNS_NAME_BYTES];
        size_t owner_at = at;
        struct raw_record raw;

        if (!take_name(a->message, &owner_at, owner) || !take_record(a->message, &at, &raw))
            return false;
        if (raw.class == CLASS_IN && raw.type == TYPE_CNAME && strcmp(owner, name) == 0)
            return take_name(a->message, &raw.data_at, name);
    }
    return false;
}

/* Returns whether the chain of aliases is longer than any name server follows: then the records are
 * unknown.
 */
static bool has_too_many_aliases(const struct dns_answer *a, const struct content *c)
{
    char name[DNS_NAME_BYTES];
    unsigned aliases = 0;

    memcpy(name, c->name, sizeof(name));
    while (aliases <= ALIASES_MAX && follow(a, name))
        aliases++;
    return aliases > ALIASES_MAX;
}

static void undecided(struct dns_answer *a, const char *reason)
{
    a->verdict = DNS_UNDECIDED;
    a->reason = reason;
    a->has_ttl = false;
}

static const char *reason_of(unsigned rcode)
{
    switch (rcode) {
    case RCODE_FORMAT: return "the name server answered FORMERR";
    case RCODE_SERVER: return "the name server answered SERVFAIL";
    case RCODE_NOT_IMPLEMENTED: return "the name server answered NOTIMP";
    case RCODE_REFUSED: return "the name server answered REFUSED";
    default: return "the name server answered with an error";
    }
}

static void judge(struct dns_answer *a, uint32_t flags, const struct content *c)
{
    const unsigned rcode = flags & RCODE_MASK;

    if ((flags & FLAG_TRUNCATED) != 0)
        undecided(a, "the name server's answer is not complete");
    else if (rcode == RCODE_NO_NAME)
        a->verdict = DNS_NO_NAME;
    else if (rcode != RCODE_OK)
        undecided(a, reason_of(rcode));
    else if (c->has_record)
        a->verdict = DNS_RECORDS;
    else if (c->has_alias && has_too_many_aliases(a, c))
        undecided(a, "the name has too many aliases");
    /* The name has no such record if the server has the zone (RFC 2308 section 2.2), or has
     * followed all aliases and delegations. Otherwise the answer is a referral. */
    else if (c->has_soa || (flags & FLAG_RECURSION_AVAILABLE) != 0 ||
             ((flags & FLAG_AUTHORITATIVE) != 0 && !c->has_alias))
        a->verdict = DNS_NO_RECORDS;
    else
        undecided(a, "the name server does not recurse");
}

void dns_answer_read(struct span message, enum dns_type type, struct dns_answer *a)
{
    struct content content = {0};
    struct header header = {0};
    size_t at = 0;

    *a = (struct dns_answer){.type = type, .message = message};
    if (!read_header(message, &at, &header, content.name))
        goto malformed;
    a->records_at = at;
    a->records_count = header.answers;
    if (!read_answers(a, &at, &content))
        goto malformed;
    /* The authority section matters only if no record was found. */
    if (!content.has_record && !read_authorities(a, &at, header.authorities, &content))
        goto malformed;
    judge(a, header.flags, &content);
    return;
malformed:
    undecided(a, "the name server's answer is malformed");
}

struct dns_cursor dns_walk(const struct dns_answer *answer)
{
    return (struct dns_cursor){
        .answer = answer,
        .at = answer->records_at,
        .left = answer->verdict == DNS_RECORDS ? answer->records_count : 0,
    };
}

bool dns_next(struct dns_cursor *c, struct dns_record *record)
{
    struct raw_record raw;

    for (; c->left > 0; c->left--) {
        if (!take_record(c->answer->message, &c->at, &raw))
            return false; /* impossible after dns_answer_read() */
        if (raw.class == CLASS_IN && raw.type == (unsigned)c->answer->type &&
            read_data(c->answer->message, c->answer->type, &raw, record)) {
            c->left--;
            return true;
        }
    }
    return false;
}
