/* process_usage.h - what the process uses of the machine. */
#ifndef PODOP_MONITOR_PROCESS_USAGE_H
#define PODOP_MONITOR_PROCESS_USAGE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

/* A value that cannot be read is 0. */
struct process_usage {
    uint64_t resident_bytes, virtual_bytes;
    uint64_t cpu_us;          /* user and system */
    uint64_t descriptors_max; /* that may be open */
};
struct process_usage process_usage_read(void);

/* Counts the open descriptors, which takes one step since Linux 6.2, and several with earlier ones.
 * Zero-initialised: not begun. */
struct descriptor_count {
    uint64_t count;
    DIR *directory;
};
/* Does a step. Returns true when count is complete. */
bool descriptor_count_step(struct descriptor_count *count);
void descriptor_count_end(struct descriptor_count *count);

#endif
