"""Runs the emulator until Ctrl+C and prints what to set: `python -m tests.emulators.huggingface --port 9900`."""

import argparse
import threading

from tests.emulators.huggingface.server import Emulator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9900)
    parser.add_argument("--pace", type=float, default=0.03, help="seconds between two words of the assistant")
    arguments = parser.parse_args()
    emulator = Emulator(arguments.port, arguments.pace).start()
    for name, value in emulator.environment().items():
        print(f"export {name}={value}")
    print(
        '# Then: make run, and prompts such as "a cat [loading 3] [queue 3] [steps 12]" or "a dog [fail 402]".',
        flush=True,
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        emulator.close()


if __name__ == "__main__":
    main()
