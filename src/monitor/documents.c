#include "documents.h"

#include "health.h"
#include "metrics.h"
#include "status_json.h"
#include "status_page.h"

const struct document_kind *const documents[DOCUMENTS_MAX + 1] = {
    &document_live,    &document_ready,       &document_openmetrics,
    &document_metrics, &document_status_json, &document_status_page,
};
