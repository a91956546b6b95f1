"""A seccomp filter that refuses the system calls that a child never needs: network, processes, writing, the kernel.

It lists what is refused, not what is allowed: the calls that libraries make for memory, threads and time differ between
versions, while the calls that reach beyond a process are known. Numbers are (x86_64, aarch64); None where there is none.
Sources: the kernel's asm/unistd_64.h and asm-generic/unistd.h, linux/seccomp.h, linux/filter.h, linux/audit.h.
"""

import errno
import os
import struct

Numbers = tuple[int | None, int | None]

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

NETWORK: dict[str, Numbers] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "bind": (49, 200),
    "connect": (42, 203),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "recvmsg": (47, 212),
    "recvmmsg": (299, 243),
}
# `clone` is allowed for threads, by its flags; `clone3`, whose flags a filter cannot see, answers ENOSYS.
PROCESSES: dict[str, Numbers] = {
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "kcmp": (312, 272),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "unshare": (272, 97),
    "setns": (308, 268),
}
WRITING: dict[str, Numbers] = {
    "creat": (85, None),
    "openat2": (437, 437),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
}
# Their flags, in the second and the third argument, distinguish reading from writing.
OPENING: dict[str, Numbers] = {"open": (2, None), "openat": (257, 56)}
KERNEL: dict[str, Numbers] = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "mq_open": (240, 180),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "personality": (135, 92),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "syslog": (103, 116),
    "clock_settime": (227, 112),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
}
_CLONE: Numbers = (56, 220)
_CLONE3: Numbers = (435, 435)
_KILL: Numbers = (62, 129)
_TGKILL: Numbers = (234, 131)
_PRLIMIT: Numbers = (302, 261)

_CLONE_THREAD = 0x00010000
# O_WRONLY, O_RDWR, O_CREAT, O_TRUNC and O_TMPFILE, the same on both.
_WRITES = 0x1 | 0x2 | 0x40 | 0x200 | 0x400000
# On x86_64, calls of the x32 interface have this bit set and would not match the listed numbers.
_X32 = 0x40000000

# One instruction: code, where to jump if so and if not, operand.
_INSTRUCTION = struct.Struct("=HBBI")
_LOAD, _EQUAL, _AT_LEAST, _ANY_OF, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EPERM
_UNKNOWN = 0x00050000 | errno.ENOSYS


def program(machine: str, *, reads_files: bool) -> bytes:
    """The filter for this process on a machine of ARCHITECTURES: reading files is allowed or not, writing never is."""
    column = list(ARCHITECTURES).index(machine)
    refused = NETWORK | PROCESSES | WRITING | KERNEL | ({} if reads_files else OPENING)
    rules = [_equal(number, _REFUSE) for names in refused.values() if (number := names[column]) is not None]
    rules.append(_equal(_number(_CLONE3, column), _UNKNOWN))
    rules.append(_argument(_number(_CLONE, column), 0, _ANY_OF, _CLONE_THREAD, if_so=_ALLOW, if_not=_REFUSE))
    for numbers in (_KILL, _TGKILL):
        rules += [_argument(_number(numbers, column), 0, _EQUAL, os.getpid(), if_so=_ALLOW, if_not=_REFUSE)]
    rules.append(_argument(_number(_PRLIMIT, column), 0, _EQUAL, 0, if_so=_ALLOW, if_not=_REFUSE))
    if reads_files:
        for position, numbers in enumerate(OPENING.values(), start=1):
            if (number := numbers[column]) is not None:
                rules.append(_argument(number, position, _ANY_OF, _WRITES, if_so=_REFUSE, if_not=_ALLOW))
    return _prologue(machine) + b"".join(rules) + _return(_ALLOW)


def _number(numbers: Numbers, column: int) -> int:
    number = numbers[column]
    assert number is not None
    return number


def _prologue(machine: str) -> bytes:
    """Refuses all calls of another architecture (32 bits on 64), which have other numbers."""
    architecture = ARCHITECTURES[machine]
    head = _load(_ARCHITECTURE) + _step(_EQUAL, architecture, 1, 0) + _return(_REFUSE) + _load(_NUMBER)
    return head + _step(_AT_LEAST, _X32, 0, 1) + _return(_REFUSE)


def _equal(number: int, answer: int) -> bytes:
    return _step(_EQUAL, number, 0, 1) + _return(answer)


def _argument(number: int, position: int, test: int, operand: int, *, if_so: int, if_not: int) -> bytes:
    """Tests the low 32 bits of one argument of one call; both architectures are little-endian."""
    judged = _load(_ARGUMENTS + 8 * position) + _step(test, operand, 0, 1) + _return(if_so) + _return(if_not)
    return _step(_EQUAL, number, 0, len(judged) // _INSTRUCTION.size) + judged


def _load(offset: int) -> bytes:
    return _step(_LOAD, offset, 0, 0)


def _return(answer: int) -> bytes:
    return _step(_RETURN, answer, 0, 0)


def _step(code: int, operand: int, if_so: int, if_not: int) -> bytes:
    return _INSTRUCTION.pack(code, if_so, if_not, operand)
