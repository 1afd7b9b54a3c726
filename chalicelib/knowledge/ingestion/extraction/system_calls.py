"""The system calls that a reader may make: a seccomp filter, which holds until the process ends.

A list of what is refused, not of what is allowed: readers are many, and a call that a new version of a library makes
must not fail. Calls that are newer than the list do not exist.

Sources: seccomp(2), and the kernel's headers filter.h, seccomp.h, audit.h and unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator

_ARCHITECTURES = {"x86_64": (0, 0xC000003E, 450), "aarch64": (1, 0xC00000B7, 451)}  # column, number, last call
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_CLONE_THREAD = 0x10000
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Numbers on x86_64 and on aarch64, which lacks some.
_REFUSED: dict[str, tuple[int, int | None]] = {
    # the network
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    # other programs and other processes
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "setpgid": (109, 154),
    "setpriority": (141, 140),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    # changes of files
    "creat": (85, None),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "utimensat": (280, 88),
    "futimesat": (261, None),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    # ways round: files by handle, other name spaces, rights, and the parts of the kernel that were attacked most
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount_setattr": (442, 442),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "memfd_secret": (447, 447),
    "fanotify_init": (300, 262),
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setgroups": (116, 159),
    "setfsuid": (122, 151),
    "setfsgid": (123, 152),
    "capset": (126, 91),
    "prctl": (157, 167),
    "seccomp": (317, 277),
    "personality": (135, 92),
    "modify_ldt": (154, None),
    "ioperm": (173, None),
    "iopl": (172, None),
    # the machine
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "vhangup": (153, 58),
}
# Their arguments stand in memory, where a filter cannot look. The C library falls back to the older calls.
_ABSENT = {"clone3": (435, 435), "openat2": (437, 437)}
_SECCOMP = {"x86_64": 317, "aarch64": 277}

Instruction = tuple[int, int, int, int]


def restrict(library: ctypes.CDLL) -> bool:
    """Whether the filter is in force."""
    machine = platform.machine()
    if machine not in _ARCHITECTURES or sys.byteorder != "little":
        return False
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in _program(machine, os.getpid()))
    text = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("@HP", len(program) // 8, ctypes.addressof(text))
    return bool(library.syscall(_SECCOMP[machine], _SET_MODE_FILTER, _ALL_THREADS, filter_) == 0)


def _program(machine: str, pid: int) -> Iterator[Instruction]:
    """The filter, in the instructions of the Berkeley packet filter: operation, jump if true, if false, operand."""
    column, architecture, last = _ARCHITECTURES[machine]

    def refuse(error: int) -> Instruction:
        return (_RETURN, 0, 0, _ERRNO | error)

    def argument(number: int) -> Instruction:
        return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * number)

    def if_call(numbers: tuple[int, int | None], body: list[Instruction]) -> Iterator[Instruction]:
        number = numbers[column]
        if number is not None:
            yield (_EQUAL, 0, len(body), number)
            yield from body

    yield from [(_LOAD, 0, 0, _ARCHITECTURE_AT), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL)]
    # Later calls than this table knows, and x86_64's second numbering, do not exist here.
    yield from [(_LOAD, 0, 0, _NUMBER_AT), (_AT_LEAST, 0, 1, last + 1), refuse(errno.ENOSYS)]
    for numbers in _REFUSED.values():
        yield from if_call(numbers, [refuse(errno.EPERM)])
    for numbers in _ABSENT.values():
        yield from if_call(numbers, [refuse(errno.ENOSYS)])
    allow = (_RETURN, 0, 0, _ALLOW)
    # Threads, and no processes.
    yield from if_call((56, 220), [argument(0), (_ANY_BIT, 1, 0, _CLONE_THREAD), refuse(errno.EPERM), allow])
    # Files are opened for reading.
    yield from if_call((2, None), [argument(1), (_ANY_BIT, 0, 1, _WRITES), refuse(errno.EPERM), allow])
    yield from if_call((257, 56), [argument(2), (_ANY_BIT, 0, 1, _WRITES), refuse(errno.EPERM), allow])
    # Signals and limits are this process's own: a library that aborts sends itself a signal.
    own = [argument(0), (_EQUAL, 1, 0, pid), refuse(errno.EPERM), allow]
    yield from if_call((62, 129), own)
    yield from if_call((234, 131), own)
    yield from if_call((302, 261), [argument(0), (_EQUAL, 2, 0, 0), (_EQUAL, 1, 0, pid), refuse(errno.EPERM), allow])
    yield allow
