"""The child's side of `processes`: reads tasks from stdin, writes answers to stdout, ends with its parent.

A frame is four bytes of length, one byte of kind and the body. To the parent: READY once (a msgpack `Confinement`), then for
each task any number of ANSWER and one END (with the last answer, or empty) or FAILED (a msgpack `Failure`). To the child:
TASK, and STOP for the current task, which work that can end early checks with `stop_requested()`.
"""

import os
import queue
import resource
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

import msgspec

from chatserver.processes import confinement
from chatserver.processes.confinement import Confinement
from chatserver.runtime import tracebacks

READY, ANSWER, END, FAILED = b"r", b"a", b"e", b"f"
TASK, STOP = b"t", b"s"
HEADER = struct.Struct(">Ic")

# What is yielded is sent at once. What a generator returns is its last answer: it wakes the parent once, not twice.
Work = Callable[[bytes], Iterator[bytes]]

_stop = threading.Event()


class Failure(msgspec.Struct, frozen=True):
    """Why a task failed: the name of the exception's class, and its message."""

    kind: str
    message: str


def run(work: Work, *, confine: Callable[[], Confinement] = confinement.confine, announces: bool = True) -> None:
    """Serves `work` until the parent closes stdin.

    The process's arguments are bytes of memory, CPU seconds for a task (0: no limit) and niceness. `confine` restricts this
    process before its first task: all that the work needs must be imported and opened by then. `announces` is false for a
    replacement of a process that has already sent READY.
    """
    # The parent logs stderr.
    tracebacks.install_hooks(lambda error: print(tracebacks.text_of(error), file=sys.stderr))  # noqa: T201
    memory_bytes, cpu_seconds, niceness = (int(text) for text in sys.argv[1:4])
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    answers = _private_stdout()
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    confined = confine()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, tasks), daemon=True).start()
    if announces:
        _write(answers, READY, msgspec.msgpack.encode(confined))
    while True:
        _serve(work, tasks.get(), answers, cpu_seconds)


def stop_requested() -> bool:
    """Whether the parent has asked to stop the current task. Further answers are read and discarded."""
    return _stop.is_set()


def _private_stdout() -> BinaryIO:
    """A duplicate of the pipe to the parent; stdout itself is redirected to stderr, for libraries that print."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _receive(stdin: BinaryIO, tasks: "queue.SimpleQueue[bytes]") -> None:
    """Reads tasks in a thread, because the end of the pipe is how a child notices that its parent has ended."""
    while len(header := stdin.read(HEADER.size)) == HEADER.size:
        length, kind = HEADER.unpack(header)
        if kind == STOP:
            _stop.set()
            continue
        # Cleared here and not where the work begins: the STOP of this task may arrive earlier. The previous task has ended.
        _stop.clear()
        tasks.put(stdin.read(length))
    os._exit(0)


def _serve(work: Work, task: bytes, answers: BinaryIO, cpu_seconds: int) -> None:
    if cpu_seconds:
        _allow_cpu(cpu_seconds)
    try:
        working = work(task)
        while True:
            _write(answers, ANSWER, next(working))
    except StopIteration as end:
        _write(answers, END, end.value or b"")
    except Exception as error:  # noqa: BLE001  the parent is told of any exception
        _write(answers, FAILED, msgspec.msgpack.encode(Failure(type(error).__name__, str(error))))


def _allow_cpu(seconds: int) -> None:
    """Sets the limit to `seconds` from now: the kernel counts from the start of the process, which it kills at the limit."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, hard))


def _write(answers: BinaryIO, kind: bytes, body: bytes) -> None:
    try:
        answers.write(HEADER.pack(len(body), kind) + body)
        answers.flush()
    except BrokenPipeError:
        os._exit(0)
