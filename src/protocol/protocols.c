#include "protocols.h"

#define ITEM(name) &protocol_##name,

const struct protocol_ops *const protocols[] = {PROTOCOLS(ITEM) NULL};
