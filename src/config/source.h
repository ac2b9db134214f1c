/* source.h - a file and all that it includes as one text, and the way back from a line of that text
 * to its file and line. Private to src/config.
 *
 * libconfig could include by itself, but 1.5 looks for relative names in the working directory
 * only, and ends the process where an included name is a directory (flex's fatal error); of an
 * integer beyond 32 bits it keeps the low ones without a word. Here such a number gets its L. */
#ifndef PODOP_CONFIG_SOURCE_H
#define PODOP_CONFIG_SOURCE_H

#include "podop/buf.h"

#include "tree.h"

struct source_segment {
    char *file;
    unsigned text_line, file_line; /* from this line of the text on, and the line it was there */
};

struct source {
    struct buf text; /* without @include and NUL */
    unsigned line;   /* of the text's end, from 1 */
    struct source_segment *segments;
    size_t segment_count;
};

/* 0, or -1 with the fault reported; source_deinit() is due in both cases. A relative name in an
 * @include starts from the directory of the file that it stands in. */
int source_read_file(struct source *source, const char *file, struct faults *faults);
/* The same for a text from elsewhere, in which @include is a fault. */
int source_read_text(struct source *source, const char *text, const char *name,
                     struct faults *faults);
void source_deinit(struct source *source);

/* "FILE:LINE" of a line of the text; to be freed. */
char *source_origin(const struct source *source, unsigned text_line);

#endif
