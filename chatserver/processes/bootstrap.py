"""The first code of a child: closes all inherited files but the three pipes, then runs the child's module.

A separate program, because it must run before the module's imports: files that those open belong to the child, while files
open earlier are the parent's (its listening socket, other children's pipes), which libuv does not close.
"""

import os
import runpy
import sys

_FIRST_INHERITED = 3
# Above any file descriptor; the kernel closes the whole range in one call.
_END_OF_RANGE = 1 << 30


def main() -> None:
    """Runs the module named by the first argument as a program with the remaining arguments."""
    os.closerange(_FIRST_INHERITED, _END_OF_RANGE)
    sys.argv.pop(0)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
