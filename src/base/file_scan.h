/* file_scan.h - looks at files, and asks inotify for everything that may change them: each
 * directory in which a part of the path is looked up, through all symbolic links. Used by one
 * thread at a time. Private to src/base. */
#ifndef PODOP_BASE_FILE_SCAN_H
#define PODOP_BASE_FILE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* A version of a file: each change of the file changes at least one of the members. */
struct file_identity {
    int failure; /* errno of stat(); then all else is zero */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

bool file_identity_equal(const struct file_identity *a, const struct file_identity *b);

/* What is known about one file. */
struct file_state {
    struct file_identity known; /* as file_state_take() has reported it */
    struct file_identity next;  /* as the last scan found it */
    bool is_settling;           /* next differs from known: it may still be changing */
};

void file_state_init(struct file_state *state); /* nothing is known, so that any file is a change */
/* Takes what a scan has found. Returns whether the file has changed and was the same in the scan
 * before. */
bool file_state_take(struct file_state *state, const struct file_identity *found);

/* Zeroed, with fd set. */
struct file_scan {
    int fd;        /* of inotify; -1: nothing is watched, and files are only looked at */
    int failure;   /* errno of the last scan: a directory could not be watched; 0: none */
    int *watches;  /* those of the last scan are the first ones, then those of this scan */
    size_t before; /* number of the first ones */
    size_t count, room;
};

/* One scan: begin, look at each file, end. Events that came before the beginning are forgotten, and
 * directories that no file of the scan needs are not watched any more. */
void file_scan_begin(struct file_scan *scan);
struct file_identity file_scan_look(struct file_scan *scan, const char *path);
void file_scan_end(struct file_scan *scan);
void file_scan_deinit(struct file_scan *scan); /* does not close fd */

#endif
