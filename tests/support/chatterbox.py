"""A child that prints and prints, and never becomes ready."""

import sys

if __name__ == "__main__":
    sys.stderr.write("one\ntwo\n" + "x" * 1_000_000)
    sys.exit(1)
