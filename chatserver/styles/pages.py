"""The samples of the styles that the operator added."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.state import state_of
from chatserver.styles import service


async def show_sample(request: Request) -> Response:
    """A sample, which never changes under its address: its id is the digest of its bytes."""
    state = state_of(request)
    data = await state.database.run_system(service.sample, request.path_params["sample_id"])
    return Response(data, media_type="image/webp", headers={"Cache-Control": "public, max-age=31536000, immutable"})


ROUTES = [Route("/style-samples/{sample_id}.webp", show_sample)]
