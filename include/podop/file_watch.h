/* file_watch.h - calls back when files change: written, replaced, or reached through another
 * symbolic link or directory. inotify says when to look, in a thread of its own; what the files are
 * decides. Where inotify cannot be used, files are looked at every few seconds. */
#ifndef PODOP_FILE_WATCH_H
#define PODOP_FILE_WATCH_H

#include "podop/span.h"

struct ev_loop;
struct file_watch; /* all files that are watched on one loop */
struct log;
struct watched_files; /* those of one owner */
struct worker;

struct file_watch *file_watch_new(struct ev_loop *loop, struct log *log);
/* All files must have been removed. *watch becomes NULL; a NULL *watch is fine. */
void file_watch_free(struct file_watch **watch);

/* Returns the thread that looks at the files, for owners that read small ones. */
struct worker *file_watch_worker(struct file_watch *watch);

typedef void file_watch_fn(void *arg);

/* Watches the files at paths, which are copied; a NULL among them is left out. changed is called
 * from the loop when one of them has changed and has then stayed the same for a moment. It is also
 * called once soon after this, because a file may have changed since its owner read it. A file that
 * cannot be read any more, or does not exist, has changed, too. */
struct watched_files *file_watch_add(struct file_watch *watch, const char *const *paths,
                                     size_t count, file_watch_fn *changed, void *arg);
/* May be called from any changed. *files becomes NULL; a NULL *files is fine. */
void file_watch_remove(struct watched_files **files);

#endif
