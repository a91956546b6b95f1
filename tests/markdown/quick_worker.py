"""The drawing child with a budget so small that a corpus of bombs takes seconds: what kills it does not depend on it."""

from chatserver.markdown import highlighting, worker
from chatserver.processes import forking

if __name__ == "__main__":
    worker.BUDGET_SECONDS = 0.004
    worker.warm_up()
    forking.run(worker.work, highlighting.load)
