/* json_media_type.h - which media types are JSON. */
#ifndef PODOP_JSON_MEDIA_TYPE_H
#define PODOP_JSON_MEDIA_TYPE_H

#include "podop/span.h"

/* Returns whether type, a media type without parameters, is application/json or ends in +json (RFC
 * 6839 section 3.1). The case of letters does not matter. */
bool json_media_type(struct span type);

#endif
