"""/metrics, for Prometheus: open to this machine, to admins and with METRICS_TOKEN, nothing to anybody else."""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.errors import Busy, NotFound
from chatserver.identity.viewer import current_viewer
from chatserver.monitoring import metrics
from chatserver.monitoring.access import is_trusted_client
from chatserver.state import state_of


async def show_metrics(request: Request) -> Response:
    """The metrics, for one scrape."""
    state = state_of(request)
    viewer = current_viewer(request)
    if not is_trusted_client(request, state.config) and (viewer is None or viewer.role != "admin"):
        raise NotFound
    try:
        shared = await state.database.run_system(metrics.read)
    except Busy:
        # A process that serves no metrics counts as gone, and is not: the figures of the moment are its own.
        shared = None
    hub, number = state.hub, request.app.state.process_number
    body = metrics.render(shared, len(hub.admission.connections()), len(hub.sessions()), number)
    return Response(body, media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


ROUTES = [Route("/metrics", show_metrics)]
