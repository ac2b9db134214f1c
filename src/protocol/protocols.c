#include "protocols.h"

const struct protocol_ops *const protocols[] = {
    &protocol_socketmap,
    &protocol_dict,
    &protocol_control,
    NULL,
};
