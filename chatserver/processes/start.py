"""The first code of a child: lets go of everything inherited but the three pipes, then runs the module that it is for.

A program of its own, because it has to come before the module's imports: what those open is the child's, what was open
before is the parent's (its listening socket, other children's pipes), and libuv closes none of it.
"""

import os
import runpy
import sys

_FIRST_OF_OTHERS = 3
# More than any process has; the kernel closes the whole range in one call.
_PAST_ALL = 1 << 30


def main() -> None:
    """Runs the module named by the first argument, as if it had been started itself with those that follow."""
    os.closerange(_FIRST_OF_OTHERS, _PAST_ALL)
    sys.argv.pop(0)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
