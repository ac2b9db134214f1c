#include "podop/reply.h"

#include "podop/mem.h"

#include <stdlib.h>

const char *reply_status_name(enum reply_status status)
{
    switch (status) {
    case REPLY_FOUND: return "found";
    case REPLY_MISS: return "miss";
    case REPLY_TEMPORARY: return "temporary";
    case REPLY_TIMEOUT: return "timeout";
    case REPLY_UNCERTAIN: return "uncertain";
    case REPLY_PERMANENT: return "permanent";
    }
    return "unknown";
}

const char *reply_source_name(enum reply_source source)
{
    switch (source) {
    case REPLY_NOT_LOOKED_UP: return NULL;
    case REPLY_FROM_CACHE: return "fresh";
    case REPLY_STALE: return "stale";
    case REPLY_ABSENT: return "absent";
    case REPLY_NO_CACHE: return "off";
    case REPLY_JOINED: return "joined";
    case REPLY_PENDING: return "held";
    case REPLY_SKIPPED: return "skipped";
    }
    return NULL;
}

bool reply_is_miss(const struct reply *reply)
{
    return reply->status == REPLY_MISS ||
           (reply->status == REPLY_FOUND && reply->map_value.len == 0);
}

/* Most often both values are the same bytes, which are copied once. */
static bool is_one_value(const struct reply *reply)
{
    return reply->map_value.ptr == reply->dict_value.ptr &&
           reply->map_value.len == reply->dict_value.len;
}

size_t reply_bytes(const struct reply *reply)
{
    return reply->map_value.len + (is_one_value(reply) ? 0 : reply->dict_value.len) +
           reply->reason.len;
}

static struct span append(char **to, struct span bytes)
{
    struct span copy = {*to, bytes.len};

    if (bytes.len > 0) {
        memcpy(*to, bytes.ptr, bytes.len);
        *to += bytes.len;
    }
    return copy;
}

struct reply reply_copy(const struct reply *reply, char **bytes)
{
    char *const memory = xmalloc(reply_bytes(reply));
    struct reply copy = *reply;
    char *at = memory;

    copy.map_value = append(&at, reply->map_value);
    copy.dict_value = is_one_value(reply) ? copy.map_value : append(&at, reply->dict_value);
    copy.reason = append(&at, reply->reason);
    free(*bytes);
    *bytes = memory;
    return copy;
}
