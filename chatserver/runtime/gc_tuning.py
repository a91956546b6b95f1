"""The garbage collector's settings for a server: much is allocated at the start, then sockets that stay for hours."""

import gc

# Thresholds of the three generations: containers allocated beyond those freed before the youngest is collected, and how
# many of its collections come before one of the next. With the default 700, 10, 10 each new socket pays for collections
# that walk its neighbours, which stay (a seventh of the CPU of a connect).
_YOUNG, _MIDDLE, _OLD = 20_000, 20, 50


def pause() -> None:
    """Call before the modules are imported: hardly any of it is garbage, which each collection would find out again."""
    gc.disable()


def freeze() -> None:
    """Call once, when the process is set up: what exists by then lives as long as it does and is never walked again.
    Ends a `pause`."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
