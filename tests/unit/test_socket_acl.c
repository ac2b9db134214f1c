#include "config_case.h"

#include "server/socket_acl.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include <endian.h>
#include <errno.h>
#include <sys/xattr.h>

enum { UID = 12345, GID = 23456, ENTRIES_MAX = 8 };

static const uint32_t no_id = (uint32_t)-1;

struct entry {
    unsigned tag, permissions;
    uint32_t id;
};

struct acl {
    struct posix_acl_xattr_header header;
    struct posix_acl_xattr_entry entries[ENTRIES_MAX];
};

/* Sets the ACL of a new file and compares it with what the kernel has then. */
static void assert_acl(unsigned permissions, uid_t uid, gid_t gid, const struct entry *expected,
                       size_t count)
{
    struct acl acl = {0};
    ssize_t len;

    write_text("socket", "");
    if (socket_acl_set("socket", permissions, uid, gid) == -1 && errno == EOPNOTSUPP) {
        unlink("socket");
        skip(); /* a file system without ACLs */
    }
    len = getxattr("socket", "system.posix_acl_access", &acl, sizeof(acl));
    assert_int_equal(len, sizeof(acl.header) + count * sizeof(acl.entries[0]));
    for (size_t i = 0; i < count; i++) {
        const struct entry got = {le16toh(acl.entries[i].e_tag), le16toh(acl.entries[i].e_perm),
                                  le32toh(acl.entries[i].e_id)};

        if (got.tag != expected[i].tag || got.permissions != expected[i].permissions ||
            got.id != expected[i].id)
            fail_msg("entry %zu: tag %x permissions %o id %u", i, got.tag, got.permissions, got.id);
    }
    unlink("socket");
}

static void test_a_user_gets_the_access_of_the_owner(void **state)
{
    const struct entry expected[] = {{ACL_USER_OBJ, 6, no_id},
                                     {ACL_USER, 6, UID},
                                     {ACL_GROUP_OBJ, 4, no_id},
                                     {ACL_MASK, 6, no_id},
                                     {ACL_OTHER, 0, no_id}};

    (void)state;
    assert_acl(0640, UID, (gid_t)-1, expected, ARRAY_LEN(expected));
}

/* podop's own group gets nothing: with lchown() the file would not belong to it. */
static void test_a_group_gets_the_access_of_the_group(void **state)
{
    const struct entry expected[] = {{ACL_USER_OBJ, 6, no_id},
                                     {ACL_GROUP_OBJ, 0, no_id},
                                     {ACL_GROUP, 6, GID},
                                     {ACL_MASK, 6, no_id},
                                     {ACL_OTHER, 2, no_id}};

    (void)state;
    assert_acl(0662, (uid_t)-1, GID, expected, ARRAY_LEN(expected));
}

static void test_user_and_group(void **state)
{
    const struct entry expected[] = {{ACL_USER_OBJ, 7, no_id},  {ACL_USER, 7, UID},
                                     {ACL_GROUP_OBJ, 0, no_id}, {ACL_GROUP, 2, GID},
                                     {ACL_MASK, 7, no_id},      {ACL_OTHER, 0, no_id}};

    (void)state;
    assert_acl(0720, UID, GID, expected, ARRAY_LEN(expected));
}

static void test_a_missing_file(void **state)
{
    (void)state;
    assert_int_equal(socket_acl_set("none", 0600, UID, GID), -1);
    assert_true(errno == ENOENT || errno == EOPNOTSUPP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_user_gets_the_access_of_the_owner),
        cmocka_unit_test(test_a_group_gets_the_access_of_the_group),
        cmocka_unit_test(test_user_and_group),
        cmocka_unit_test(test_a_missing_file),
    };

    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
