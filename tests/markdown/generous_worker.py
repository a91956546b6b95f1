"""The patient child with twenty times the budget: for tests of what is drawn, and not of how long that may take."""

from chatserver.markdown import highlighting, worker
from chatserver.processes import forking
from tests.markdown.patient_worker import WAIT_SECONDS

if __name__ == "__main__":
    worker.WALL_SECONDS, worker.BUDGET_SECONDS = WAIT_SECONDS, 20 * worker.BUDGET_SECONDS
    worker.warm_up()
    forking.run(worker.work, highlighting.load)
