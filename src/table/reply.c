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
