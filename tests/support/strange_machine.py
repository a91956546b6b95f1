"""A child on a machine for which there is no filter of system calls."""

import platform

from chatserver.processes import child
from tests.support import prisoner

if __name__ == "__main__":
    platform.machine = lambda: "vax"
    child.run(prisoner.work)
