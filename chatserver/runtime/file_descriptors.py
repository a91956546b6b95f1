"""How many files a process may have open, each connection being one, and how many of them connections may take."""

import resource

# The most that we ask for, also where the machine allows more.
MAX_FILES = 65_536
# Besides connections: the database's pool, the broker, the store, providers, child processes, files being served.
RESERVED = 64
# Connections that the kernel accepts before we can count them.
BACKLOG = 2048


def raise_limit() -> None:
    """Raises the usual soft limit of 1,024 files, which a thousand people would reach, to what the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def connection_limit() -> int:
    """The number of connections that leaves enough files for everything else."""
    files = _soft_limit()
    return max(files - max(2 * RESERVED, files // 4), files // 4)


def backlog() -> int:
    """How many connections may wait to be accepted: one call accepts them all, before the first surplus one is refused."""
    files = _soft_limit()
    return min(BACKLOG, max(files - connection_limit() - RESERVED, RESERVED // 4))


def _soft_limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_FILES if soft == resource.RLIM_INFINITY else soft
