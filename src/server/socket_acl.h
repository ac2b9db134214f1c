/* socket_acl.h - grants another user and group access to a socket file by an ACL, because only root
 * can change its owner. */
#ifndef PODOP_SERVER_SOCKET_ACL_H
#define PODOP_SERVER_SOCKET_ACL_H

#include <sys/types.h>

/* Grants by an ACL the access that lchown() would have granted: uid gets the permissions of the
 * owner, and gid, instead of podop's own group, those of the group. (uid_t)-1 and (gid_t)-1 mean no
 * change, as for lchown(). The file must belong to podop. Returns 0, or -1 with errno. */
int socket_acl_set(const char *path, unsigned permissions, uid_t uid, gid_t gid);

#endif
