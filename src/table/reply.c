#include "podop/reply.h"

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
