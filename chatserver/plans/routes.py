"""API routes of plans."""

from msgspec import Struct

from chatserver import plans
from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.plans.models import Plan


class PlansAnswer(Struct, frozen=True):
    """Every plan on offer."""

    plans: list[Plan]


async def show_plans(request: ApiRequest) -> PlansAnswer:
    return PlansAnswer(await request.state.database.run_system(plans.list_plans))


ROUTES = [Endpoint("GET", "/plans", show_plans, summary="The plans on offer", answer=PlansAnswer, signed_in=False)]
