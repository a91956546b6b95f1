"""Restricts a child before it reads untrusted bytes, so that an exploited decoder reaches no files, network or processes.

Called by `child.run` after all imports: as another user the package's own folder may be unreadable. Restrictions that the
kernel or container refuses are reported to the parent, which continues: decoding still happens in a separate process.
"""

import ctypes
import errno
import os
import platform
import resource
from collections.abc import Callable
from functools import partial

from msgspec import Struct

from chatserver.processes import syscalls

# The user and group `nobody` on every Linux, which own nothing.
NOBODY = 65534
# Files that a child may have open: its pipes, and those that Python opens during imports.
OPEN_FILES = 32

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1


class Confinement(Struct, frozen=True):
    """The restrictions in force for a child, and those that this machine refused, by their names for people."""

    in_force: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


class _Program(ctypes.Structure):
    """`struct sock_fprog`: the number of instructions and their address."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def confine(*, reads_files: bool = False) -> Confinement:
    """Gives up irrevocably every permission that decoding does not need.

    `reads_files` is for work on trusted input that imports modules late: files can still be read, by the same user, who may
    own them.
    """
    steps: dict[str, Callable[[], None]] = {
        **({} if reads_files else {"an unprivileged user": _drop_root}),
        "memory of its own": _forbid_inspection,
        "no new privileges": partial(_prctl, _PR_SET_NO_NEW_PRIVS, 1),
        "limits on files and sizes": _limit_resources,
        "a filter of system calls": partial(_install_filter, reads_files=reads_files),
    }
    refused = tuple(name for name, step in steps.items() if not _done(step))
    return Confinement(tuple(name for name in steps if name not in refused), refused)


def forbid_new_privileges() -> Confinement:
    """The one restriction for work that needs files, network and devices, such as a model on a graphics card."""
    name = "no new privileges"
    done = _done(partial(_prctl, _PR_SET_NO_NEW_PRIVS, 1))
    return Confinement((name,) if done else (), () if done else (name,))


def _done(step: Callable[[], None]) -> bool:
    try:
        step()
    except (OSError, ValueError, AttributeError):  # AttributeError: not a Linux
        return False
    return True


def _drop_root() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def _forbid_inspection() -> None:
    # Other processes of the same user cannot read its memory, and it dumps no core.
    _prctl(_PR_SET_DUMPABLE, 0)


def _limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, value, 0, 0, 0)


def _install_filter(*, reads_files: bool) -> None:
    machine = platform.machine()
    if machine not in syscalls.ARCHITECTURES:
        raise OSError(errno.ENOSYS, "no filter for this machine")
    code = syscalls.program(machine, reads_files=reads_files)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    # With TSYNC it applies to threads that libraries have started too.
    address = ctypes.addressof(program)
    _call("syscall", _SECCOMP[machine], _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, address)


def _call(function: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*(ctypes.c_ulong(argument) for argument in arguments)) != 0:
        raise OSError(ctypes.get_errno(), function)
