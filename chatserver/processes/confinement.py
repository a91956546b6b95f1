"""Locks a child in before it reads the first byte from outside: who breaks its decoder finds nothing to reach.

Called by `child.run`, when everything is imported: as another user the package's own folder may be out of reach. What a
kernel or container refuses is told to the parent, which goes on: a picture is still decoded in a process of its own.
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

# The user and group called nobody on every Linux: it owns nothing.
NOBODY = 65534
# Files that a child may have open: its pipes, and what Python opens while it imports.
OPEN_FILES = 32

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1


class Confinement(Struct, frozen=True):
    """What holds a child, in words, and what this machine refused."""

    in_force: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


class _Program(ctypes.Structure):
    """`struct sock_fprog`: how many instructions, and where they are."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def confine(*, reads_files: bool = False) -> Confinement:
    """Gives up every right that decoding does not need, for good.

    `reads_files` is for work that takes nothing from outside and imports as it goes: files can still be read, and by the
    same user, whose they may be.
    """
    steps: dict[str, Callable[[], None]] = {
        **({} if reads_files else {"an unprivileged user": _leave_root}),
        "memory of its own": _keep_to_itself,
        "no new privileges": partial(_prctl, _PR_SET_NO_NEW_PRIVS, 1),
        "limits on files and sizes": _limit,
        "a filter of system calls": partial(_filter, reads_files=reads_files),
    }
    refused = tuple(word for word, step in steps.items() if not _done(step))
    return Confinement(tuple(word for word in steps if word not in refused), refused)


def keep_as_it_is() -> Confinement:
    """For work that needs the machine as it is (a model on the graphics card, its files, its hub): no new privileges."""
    word = "no new privileges"
    done = _done(partial(_prctl, _PR_SET_NO_NEW_PRIVS, 1))
    return Confinement((word,) if done else (), () if done else (word,))


def _done(step: Callable[[], None]) -> bool:
    try:
        step()
    except (OSError, ValueError, AttributeError):  # AttributeError: not a Linux
        return False
    return True


def _leave_root() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def _keep_to_itself() -> None:
    # Nobody else of that user may look into this process, and it leaves no core.
    _prctl(_PR_SET_DUMPABLE, 0)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, value, 0, 0, 0)


def _filter(*, reads_files: bool) -> None:
    machine = platform.machine()
    if machine not in syscalls.ARCHITECTURES:
        raise OSError(errno.ENOSYS, "no filter for this machine")
    code = syscalls.program(machine, reads_files=reads_files)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    # With TSYNC it holds for every thread that a library has started.
    where = ctypes.addressof(program)
    _call("syscall", _SECCOMP[machine], _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, where)


def _call(function: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*(ctypes.c_ulong(argument) for argument in arguments)) != 0:
        raise OSError(ctypes.get_errno(), function)
