"""The drawing child of a busy machine: a text's budget of CPU time ends it, and not the clock on the wall."""

from chatserver.markdown import highlighting, worker
from chatserver.processes import forking

# Instead of two: a flood still ends within the time that its test has.
WAIT_SECONDS = 15.0

if __name__ == "__main__":
    worker.WALL_SECONDS = WAIT_SECONDS
    worker.warm_up()
    forking.run(worker.work, highlighting.load)
