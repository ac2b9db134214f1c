/* health.h - /live and /ready, for systems that watch podop. */
#ifndef PODOP_MONITOR_HEALTH_H
#define PODOP_MONITOR_HEALTH_H

#include "document.h"

extern const struct document_kind document_live;
extern const struct document_kind document_ready;

#endif
