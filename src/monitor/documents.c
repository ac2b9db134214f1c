#include "documents.h"

#include "health.h"

const struct document_kind *const documents[DOCUMENTS_MAX + 1] = {
    &document_live,
    &document_ready,
};
