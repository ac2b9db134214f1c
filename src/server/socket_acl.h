/* socket_acl.h - lets another user and group use a socket's file that cannot be given to them. */
#ifndef PODOP_SERVER_SOCKET_ACL_H
#define PODOP_SERVER_SOCKET_ACL_H

#include <sys/types.h>

/* Gives by an ACL the access that lchown() and permissions would have given: to uid that of the
 * owner, and to gid, in place of our own group, that of the group. (uid_t)-1 and (gid_t)-1 stand
 * for no change, as there. The file has to be ours. 0, or -1 with errno. */
int socket_acl_set(const char *path, unsigned permissions, uid_t uid, gid_t gid);

#endif
