/* metrics.h - /metrics, for Prometheus. */
#ifndef PODOP_MONITOR_METRICS_H
#define PODOP_MONITOR_METRICS_H

#include "document.h"
#include "exposition.h"

extern const struct document_kind document_metrics;
extern const struct document_kind document_openmetrics;

/* The families in the order of the document. */
size_t metrics_families(void); /* their number */
const struct metric_family *metrics_family(size_t i);

#endif
