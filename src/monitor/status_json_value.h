/* status_json_value.h - kinds of values that /status.json has. */
#ifndef PODOP_MONITOR_STATUS_JSON_VALUE_H
#define PODOP_MONITOR_STATUS_JSON_VALUE_H

#include "podop/buf.h"

#include <time.h>

void json_add_raw(struct buf *out, const char *json);
void json_begin_item(struct buf *out, size_t i); /* a comma, but before the first item */

/* Append a member. */
void json_add_null(struct buf *out, const char *name);
void json_add_known(struct buf *out, const char *name, int64_t n); /* below 0: null */
void json_add_time(struct buf *out, const char *name, time_t at);  /* 0: null */
void json_add_thousandths(struct buf *out, const char *name, uint64_t n);

#endif
