/* line_buffer.h - cuts a stream of bytes into lines. Plain memory. Private to
 * src/backend/process. */
#ifndef PODOP_BACKEND_PROCESS_LINE_BUFFER_H
#define PODOP_BACKEND_PROCESS_LINE_BUFFER_H

#include "podop/buf.h"
#include "podop/parse.h"

struct line_buffer {
    struct buf bytes;
    size_t line_max; /* bytes of a line, without its line feed */
    size_t used;     /* bytes at the front that belong to lines already taken */
    size_t scanned;  /* bytes after those that contain no line feed */
};

/* Initialises an empty buffer, to which at most read_max bytes are added at a time. */
void line_buffer_init(struct line_buffer *lines, size_t line_max, size_t read_max);
void line_buffer_deinit(struct line_buffer *lines); /* empty, as after init */

/* Takes the next line, without its line feed. It is borrowed until line_buffer_drop_taken().
 * PARSE_BAD: it is longer than line_max. */
enum parse line_buffer_next(struct line_buffer *lines, struct span *line);
/* Forgets the lines that were taken. Bytes may be added to the buffer after this. */
void line_buffer_drop_taken(struct line_buffer *lines);

#endif
