/* seccomp_filter.c - a list of what is forbidden, not of what is allowed: which calls a C library,
 * libcurl, OpenSSL or a module of nsswitch.conf makes changes with their versions, and podop must
 * not fail after an upgrade of one of them. */
#include "seccomp_filter.h"

#ifdef PODOP_WITH_SECCOMP

#include "instrumented.h"

#include "podop/mem.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Processors whose C library may call socketcall(), which has the arguments of socket() in memory,
 * where a filter cannot read them: libseccomp would forbid every socket. Others do not have it. */
#ifdef __NR_socketcall
enum { IS_SOCKET_FILTERED = false };
#else
enum { IS_SOCKET_FILTERED = true };
#endif

/* Which argument of clone() has its flags. */
#ifdef __s390__
enum { CLONE_FLAGS = 1 };
#else
enum { CLONE_FLAGS = 0 };
#endif

/* Calls for administrators and debuggers. Programs of tables get the same from the filter of
 * podop.service. */
static const int for_administrators[] = {
    /* other processes */
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kcmp),
    /* what is mounted, and where the root is */
    SCMP_SYS(mount),
    SCMP_SYS(umount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(open_tree),
    SCMP_SYS(move_mount),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(quotactl),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(fanotify_init),
    /* namespaces; see also forbid_namespaces() */
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    /* the kernel itself */
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(syslog),
    SCMP_SYS(acct),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(vhangup),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
/* libseccomp before 2.5.3 has no names for these, and old headers have no numbers. */
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
#ifdef SYS_process_madvise
    SYS_process_madvise,
#endif
#ifdef SYS_mount_setattr
    SYS_mount_setattr,
#endif
};

/* Calls that podop itself has no use for, but programs of tables may have. */
static const int for_programs[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    /* other users */
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(capset),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(personality),
};

static int forbid(scmp_filter_ctx filter, int call)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
}

static int forbid_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int status = 0;

    for (size_t i = 0; i < count && status == 0; i++)
        status = forbid(filter, calls[i]);
    return status;
}

/* Forbids socket() for each family but these three, and for netlink, by which the C library asks
 * for the addresses of this machine. A comparison is of 64 bits, of which the kernel takes 32: what
 * the upper half changes is beyond the largest family, and forbidden. */
static int forbid_families(scmp_filter_ctx filter)
{
    enum { LARGEST = AF_NETLINK };
    int status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                  SCMP_A0_64(SCMP_CMP_GT, LARGEST, 0));

    for (unsigned family = 0; family < LARGEST && status == 0; family++) {
        if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
            status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                      SCMP_A0_64(SCMP_CMP_EQ, family, 0));
    }
    return status;
}

/* Forbids raw sockets and the like of the Internet families. */
static int forbid_raw(scmp_filter_ctx filter)
{
    static const unsigned families[] = {AF_INET, AF_INET6};
    static const unsigned types[] = {SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_DCCP, SOCK_PACKET};
    enum { TYPE_MASK = 0xf }; /* without SOCK_NONBLOCK and SOCK_CLOEXEC */
    int status = 0;

    for (size_t i = 0; i < ARRAY_LEN(families) * ARRAY_LEN(types) && status == 0; i++)
        status = seccomp_rule_add(
            filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 2,
            SCMP_A0_64(SCMP_CMP_EQ, families[i / ARRAY_LEN(types)], 0),
            SCMP_A1_64(SCMP_CMP_MASKED_EQ, TYPE_MASK, types[i % ARRAY_LEN(types)]));
    return status;
}

static int forbid_sockets(scmp_filter_ctx filter)
{
    if (!IS_SOCKET_FILTERED)
        return 0;
    return forbid_families(filter) != 0 ? -1 : forbid_raw(filter);
}

/* Forbids clone() with a new namespace. The flags of clone3() are in memory, so that call seems not
 * to exist, and the C library uses clone() instead. */
static int forbid_namespaces(scmp_filter_ctx filter)
{
    static const unsigned flags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                     CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
    int status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    for (size_t i = 0; i < ARRAY_LEN(flags) && status == 0; i++)
        status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                  SCMP_CMP64(CLONE_FLAGS, SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
    return status;
}

/* Forbids clone() of anything but a thread. */
static int forbid_processes(scmp_filter_ctx filter)
{
    if (forbid(filter, SCMP_SYS(fork)) != 0 || forbid(filter, SCMP_SYS(vfork)) != 0)
        return -1;
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                            SCMP_CMP64(CLONE_FLAGS, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
}

/* A leak check of AddressSanitizer starts a process that traces podop. */
static int forbid_debugging(scmp_filter_ctx filter, bool has_programs)
{
    if (instrumented_traces_itself())
        return 0;
    if (forbid(filter, SCMP_SYS(ptrace)) != 0)
        return -1;
    return has_programs ? 0 : forbid_processes(filter);
}

static int add_rules(scmp_filter_ctx filter, bool has_programs)
{
    if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)) != 0 ||
        forbid_all(filter, for_administrators, ARRAY_LEN(for_administrators)) != 0 ||
        forbid_sockets(filter) != 0 || forbid_namespaces(filter) != 0 ||
        forbid_debugging(filter, has_programs) != 0)
        return -1;
    return has_programs ? 0 : forbid_all(filter, for_programs, ARRAY_LEN(for_programs));
}

int seccomp_filter_load(bool has_programs, struct error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int status = 0;

    if (filter == NULL || add_rules(filter, has_programs) != 0)
        status = error_set(err, ERR_SYSTEM, "libseccomp cannot make the filter");
    if (status == 0) {
        const int failure = seccomp_load(filter); /* a negative errno */

        errno = -failure;
        if (failure != 0)
            status = error_errno(err, "the kernel takes no filter");
    }
    seccomp_release(filter);
    return status;
}

#else

int seccomp_filter_load(bool has_programs, struct error *err)
{
    (void)has_programs;
    return error_set(err, ERR_SYSTEM, "built without libseccomp");
}

#endif
