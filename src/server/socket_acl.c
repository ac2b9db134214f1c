#include "socket_acl.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include <endian.h>
#include <stdint.h>
#include <sys/xattr.h>

enum { ENTRIES_MAX = 6, NO_ID = -1 };

struct acl {
    struct posix_acl_xattr_header header;
    struct posix_acl_xattr_entry entries[ENTRIES_MAX];
};

/* Appends an entry. The kernel requires them in ascending order of their tags. */
static void add(struct acl *acl, size_t *count, unsigned tag, unsigned permissions, uint32_t id)
{
    acl->entries[(*count)++] = (struct posix_acl_xattr_entry){
        .e_tag = htole16((uint16_t)tag),
        .e_perm = htole16((uint16_t)(permissions & 7)),
        .e_id = htole32(id),
    };
}

int socket_acl_set(const char *path, unsigned permissions, uid_t uid, gid_t gid)
{
    const unsigned owner = permissions >> 6, group = permissions >> 3;
    const int has_group = gid != (gid_t)-1;
    struct acl acl = {.header.a_version = htole32(POSIX_ACL_XATTR_VERSION)};
    size_t count = 0;

    add(&acl, &count, ACL_USER_OBJ, owner, (uint32_t)NO_ID);
    if (uid != (uid_t)-1)
        add(&acl, &count, ACL_USER, owner, uid);
    add(&acl, &count, ACL_GROUP_OBJ, has_group ? 0 : group, (uint32_t)NO_ID);
    if (has_group)
        add(&acl, &count, ACL_GROUP, group, gid);
    add(&acl, &count, ACL_MASK, owner | group, (uint32_t)NO_ID);
    add(&acl, &count, ACL_OTHER, permissions, (uint32_t)NO_ID);
    return lsetxattr(path, "system.posix_acl_access", &acl,
                     sizeof(acl.header) + count * sizeof(acl.entries[0]), 0);
}
