"""How many files a process may have open, each connection being one, and how many of them connections may take."""

import resource

# Where the machine allows more than that, this is still ours.
MOST = 65_536
# What is needed besides connections: the database's pool, the broker, the store, providers, children, files on their way.
OTHERS = 64
# Those that the kernel has accepted before anybody could count them.
BACKLOG = 2048


def allow() -> None:
    """Raises the usual soft limit of 1,024 files, which a thousand people would reach, to what the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def for_connections() -> int:
    """How many connections leave enough for the rest, whatever comes."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MOST if soft == resource.RLIM_INFINITY else soft
    return max(files - max(2 * OTHERS, files // 4), files // 4)


def backlog() -> int:
    """How many may wait to be accepted: all of them are in one go, before the first of too many is refused."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MOST if soft == resource.RLIM_INFINITY else soft
    return min(BACKLOG, max(files - for_connections() - OTHERS, OTHERS // 4))
