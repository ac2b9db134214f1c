/* socket_acl.h - lets another user and group use a socket's file that cannot be given to them. */
#ifndef PODOP_SERVER_SOCKET_ACL_H
#define PODOP_SERVER_SOCKET_ACL_H

#include <sys/types.h>

/* Gives the file of ours, by an ACL, to those whom lchown() would have given it to: uid gets the
 * permissions of the owner, and gid, in place of our own group, those of the group. (uid_t)-1 and
 * (gid_t)-1: nobody more. 0, or -1 with errno. */
int socket_acl_set(const char *path, unsigned permissions, uid_t uid, gid_t gid);

#endif
