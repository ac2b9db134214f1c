/* documents.h - all documents of the HTTP listener. */
#ifndef PODOP_MONITOR_DOCUMENTS_H
#define PODOP_MONITOR_DOCUMENTS_H

#include "document.h"

enum { DOCUMENTS_MAX = 8 };

/* In the order in which they are searched; NULL after the last one. */
extern const struct document_kind *const documents[DOCUMENTS_MAX + 1];

#endif
