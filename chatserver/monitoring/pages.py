"""/metrics, for Prometheus: open to this machine and to admins, nothing to anybody else."""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.errors import NotFound
from chatserver.monitoring import metrics
from chatserver.state import State
from chatserver.users.authenticate import visitor
from chatserver.web.auth import current_viewer


async def show_metrics(request: Request) -> Response:
    """One scrape."""
    viewer = current_viewer(request)
    if not visitor(request).is_local and (viewer is None or viewer.role != "admin"):
        raise NotFound
    state: State = request.app.state.chatserver
    shared = await state.database.run_system(metrics.read)
    body = metrics.draw(shared, len(state.hub.admission.connections()), len(state.hub.sessions()))
    return Response(body, media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


ROUTES = [Route("/metrics", show_metrics)]
