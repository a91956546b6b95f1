"""A child in which faults happen that nobody catches, with the task's own text in their words."""

from collections.abc import Iterator

from chatserver.processes import child


class Gone:
    """Fails where nobody can catch it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __del__(self) -> None:
        raise ValueError(f"not understood: {self.text}")


def work(task: bytes) -> Iterator[bytes]:
    Gone(task.decode())
    yield b"done"


if __name__ == "__main__":
    child.run(work)
