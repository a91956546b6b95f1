"""The garbage collector's settings."""

import subprocess
import sys

_SCRIPT = """
import gc
from chatserver.runtime import gc_tuning

gc_tuning.pause()
assert not gc.isenabled()
gc_tuning.freeze()
assert gc.isenabled() and gc.get_freeze_count()
"""


def test_a_pause_lasts_until_the_process_is_set_up() -> None:
    subprocess.run([sys.executable, "-c", _SCRIPT], check=True)
