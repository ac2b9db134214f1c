#include "landlock.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<linux/landlock.h>) && defined(SYS_landlock_create_ruleset)
#define HAS_LANDLOCK 1
#endif
#endif

#ifdef HAS_LANDLOCK

#include <linux/landlock.h>

/* Rights by the version of the kernel's interface that has brought them, since headers may be older
 * than the kernel. */
enum {
    ABI_REFER = 2,
    ABI_TRUNCATE = 3,
    ABI_IOCTL_DEVICE = 5,
    ABI_SCOPE = 6,
    RIGHTS_OF_FIRST = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
    RIGHT_REFER = 1 << 13,
    RIGHT_TRUNCATE = 1 << 14,
    RIGHT_IOCTL_DEVICE = 1 << 15,
    SCOPE_SIGNAL = 1 << 1,
    RIGHTS_OF_FILES = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE,
};

/* struct landlock_ruleset_attr as of ABI 6. */
struct ruleset {
    uint64_t files, net, scopes;
};

static uint64_t rights_of(int abi)
{
    uint64_t rights = RIGHTS_OF_FIRST;

    rights |= abi >= ABI_REFER ? RIGHT_REFER : 0;
    rights |= abi >= ABI_TRUNCATE ? RIGHT_TRUNCATE : 0;
    rights |= abi >= ABI_IOCTL_DEVICE ? RIGHT_IOCTL_DEVICE : 0;
    return rights;
}

void landlock_init(struct landlock *rules)
{
    const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct ruleset set = {0};
    size_t size = sizeof(set.files);

    *rules = (struct landlock){.fd = -1};
    if (abi < 1)
        return;
    set.files = rights_of((int)abi);
    if (abi >= ABI_SCOPE) { /* no signals to processes outside */
        set.scopes = SCOPE_SIGNAL;
        size = sizeof(set);
    }
    rules->fd = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
    rules->abi = rules->fd == -1 ? 0 : (int)abi;
}

static uint64_t rights_for(enum landlock_use use)
{
    switch (use) {
    case LANDLOCK_READ: return LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    case LANDLOCK_SOCKETS: return LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;
    case LANDLOCK_CHANGE:
        return LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
               LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
               LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | RIGHT_TRUNCATE;
    }
    return 0;
}

bool landlock_allow(const struct landlock *rules, const char *path, enum landlock_use use)
{
    struct landlock_path_beneath_attr rule = {.parent_fd = -1};
    struct stat info;
    bool is_added = false;

    if (rules->abi == 0)
        return false;
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd == -1)
        return false;
    if (fstat(rule.parent_fd, &info) == 0) {
        rule.allowed_access = rights_for(use) & rights_of(rules->abi);
        if (!S_ISDIR(info.st_mode))
            rule.allowed_access &= RIGHTS_OF_FILES;
        is_added =
            syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    }
    close(rule.parent_fd);
    return is_added;
}

int landlock_enforce(const struct landlock *rules, struct error *err)
{
    if (rules->abi != 0 && syscall(SYS_landlock_restrict_self, rules->fd, 0) == -1)
        return error_errno(err, "the kernel refuses the rules");
    return 0;
}

#else

void landlock_init(struct landlock *rules)
{
    *rules = (struct landlock){.fd = -1};
}

bool landlock_allow(const struct landlock *rules, const char *path, enum landlock_use use)
{
    (void)rules;
    (void)path;
    (void)use;
    return false;
}

int landlock_enforce(const struct landlock *rules, struct error *err)
{
    (void)rules;
    (void)err;
    return 0;
}

#endif

void landlock_deinit(struct landlock *rules)
{
    if (rules->fd != -1)
        close(rules->fd);
    *rules = (struct landlock){.fd = -1};
}
