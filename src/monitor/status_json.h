/* status_json.h - /status.json: how podop is doing, for programs. docs/status.schema.json is its
 * schema, and docs/monitoring.md describes it. */
#ifndef PODOP_MONITOR_STATUS_JSON_H
#define PODOP_MONITOR_STATUS_JSON_H

#include "document.h"

extern const struct document_kind document_status_json;

#endif
