/* source.h - reads a file and all files that it includes into one text, and maps a line of that
 * text back to its file and line. Private to src/config.
 *
 * libconfig's own @include is not used: version 1.5 looks for relative names in the working
 * directory only, and ends the process when an included name is a directory (a fatal error of
 * flex). libconfig also keeps only the low 32 bits of a larger integer without an L, so this module
 * appends the L; and refuses a comment without an end of its line, which is added. */
#ifndef PODOP_CONFIG_SOURCE_H
#define PODOP_CONFIG_SOURCE_H

#include "podop/buf.h"

#include "tree.h"

struct source_segment {
    char *file;
    unsigned text_line, file_line; /* the first line in the text, and the same line in the file */
};

struct source {
    struct buf text; /* holds no @include and no NUL */
    unsigned line;   /* of the end of the text, from 1 */
    struct source_segment *segments;
    size_t segment_count;
    bool has_open_string; /* the text ends with a string without its closing quote */
};

/* Reads file. Returns 0, or -1 with the fault reported or with has_open_string; source_deinit()
 * must follow in both cases. A relative name in an "@include" is relative to the directory of the
 * including file. */
int source_read_file(struct source *source, const char *file, struct faults *faults);
/* The same for a text that is not from a file. In it, @include is a fault. */
int source_read_text(struct source *source, const char *text, const char *name,
                     struct faults *faults);
void source_deinit(struct source *source);

/* Returns "FILE:LINE" for a line of the text. The caller frees it. */
char *source_origin(const struct source *source, unsigned text_line);

#endif
