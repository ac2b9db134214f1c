/* json_media_type.h - which media types are JSON. */
#ifndef PODOP_JSON_MEDIA_TYPE_H
#define PODOP_JSON_MEDIA_TYPE_H

#include "podop/span.h"

/* Returns whether the value of a Content-Type is application/json or ends in +json (RFC 6839
 * section 3.1). Parameters and the case of letters do not matter. A list of types,
 * with commas, is not JSON. */
bool json_media_type(struct span type);

#endif
