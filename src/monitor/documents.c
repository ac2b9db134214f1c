#include "documents.h"

#include "health.h"
#include "metrics.h"

const struct document_kind *const documents[DOCUMENTS_MAX + 1] = {
    &document_live,
    &document_ready,
    &document_openmetrics,
    &document_metrics,
};
