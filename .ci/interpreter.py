"""Prints the Python that `make` builds .venv with. Run by the PATH's python3, whichever that is.

It is that one, unless it was built without its optimisations, as tools that compile it do unless they are told otherwise,
and the system has one that is no older and can make environments: the same program then takes a fifth less of a processor.
`make PYTHON=…` names another.
"""

import os
import subprocess
import sys
import sysconfig

SYSTEM = os.environ.get("SYSTEM_PYTHON", "/usr/bin/python3")
# Debian's makes environments where python3-venv is installed.
_VERSION = "import ensurepip, sys, venv; print(sys.version_info[0], sys.version_info[1])"


def choice(is_optimised, version, version_of_system):
    """A command. Versions are pairs of numbers; that of the system is None where it has no Python of use."""
    if is_optimised or version_of_system is None or version_of_system < version:
        return "python3"
    return SYSTEM


def is_optimised():
    """Whether this Python says so of itself; Debian's, which is the system's, is and does not say it."""
    return "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")


def version_of_system():
    """As `choice` takes it."""
    try:
        asked = subprocess.run([SYSTEM, "-c", _VERSION], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(map(int, asked.stdout.split()))


if __name__ == "__main__":
    print(choice(is_optimised(), sys.version_info[:2], version_of_system()))
