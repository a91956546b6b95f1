"""Python's garbage collector, told how a server lives: much is made at the start, then sockets that stay for hours."""

import gc

# Containers that are made, beyond those that are gone, before the young are looked through; and how many such looks
# come before an older generation's. By default 700, 10, 10: each new socket then pays for looks at its neighbours, which
# stay (a seventh of the CPU of a connect).
_YOUNG, _MIDDLE, _OLD = 20_000, 20, 50


def settle() -> None:
    """Once, when the process is made: what is there by now lives as long as it does, and is never looked at again."""
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
