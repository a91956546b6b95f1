"""The child's side of `processes`: takes tasks from stdin, writes answers to stdout, dies with its parent.

A frame is four bytes of length, one byte of kind and the body. Towards the parent: READY once (a msgpack
`Confinement`), then for each task any number of ANSWER and one END or FAILED (a msgpack `Failure`). Towards the child:
TASK, and STOP for the one at hand, which work that can end early looks for with `stopping()`.
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

Work = Callable[[bytes], Iterator[bytes]]

_stop = threading.Event()


class Failure(msgspec.Struct, frozen=True):
    """Why a task failed: the name of the exception's class, and its words."""

    kind: str
    message: str


def run(work: Work, *, confine: Callable[[], Confinement] = confinement.confine, greets: bool = True) -> None:
    """Serves `work` until the parent goes. Arguments: bytes of memory, CPU seconds for a task (0: no limit), niceness.

    `confine` locks this process in before its first task; what the work needs must be imported, and opened, by then.
    Without `greets` it takes the place of one that has said READY.
    """
    # Its parent logs what it prints.
    tracebacks.take_what_nobody_catches(lambda error: print(tracebacks.text_of(error), file=sys.stderr))  # noqa: T201
    memory_bytes, cpu_seconds, niceness = (int(text) for text in sys.argv[1:4])
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    answers = _private_stdout()
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    confined = confine()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, tasks), daemon=True).start()
    if greets:
        _write(answers, READY, msgspec.msgpack.encode(confined))
    while True:
        _serve(work, tasks.get(), answers, cpu_seconds)


def stopping() -> bool:
    """Whether the parent wants the task at hand no more. Its answers are still read, and thrown away."""
    return _stop.is_set()


def _private_stdout() -> BinaryIO:
    """The pipe to the parent, out of reach of anything that prints."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _receive(stdin: BinaryIO, tasks: "queue.SimpleQueue[bytes]") -> None:
    """Reads tasks beside the work, because the end of the pipe is how a child learns that its parent is gone."""
    while len(header := stdin.read(HEADER.size)) == HEADER.size:
        length, kind = HEADER.unpack(header)
        if kind == STOP:
            _stop.set()
            continue
        # Here and not where the work begins: its own stop may come before that. The task before it has ended.
        _stop.clear()
        tasks.put(stdin.read(length))
    os._exit(0)


def _serve(work: Work, task: bytes, answers: BinaryIO, cpu_seconds: int) -> None:
    if cpu_seconds:
        _allow_cpu(cpu_seconds)
    try:
        for answer in work(task):
            _write(answers, ANSWER, answer)
    except Exception as error:  # noqa: BLE001  whatever it was, the parent has to hear of it
        _write(answers, FAILED, msgspec.msgpack.encode(Failure(type(error).__name__, str(error))))
    else:
        _write(answers, END)


def _allow_cpu(seconds: int) -> None:
    """So many seconds from now on: the kernel counts from the start of the process and kills it at the limit."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, hard))


def _write(answers: BinaryIO, kind: bytes, body: bytes = b"") -> None:
    try:
        answers.write(HEADER.pack(len(body), kind) + body)
        answers.flush()
    except BrokenPipeError:
        os._exit(0)
