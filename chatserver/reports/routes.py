"""API routes of reports."""

from typing import Annotated

from msgspec import Struct

from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.reports import service as reports
from chatserver.reports.models import KINDS, TargetKind
from chatserver.validation import bounds


class CreateReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wrong with a picture or message: `sexual`, `violence`, `hate`, `illegal`, `spam` or `other`, and `words`."""

    kind: Annotated[str, bounds(enum=list(KINDS))]
    words: str = ""


class ReportAnswer(Struct, frozen=True):
    """The report waits for the operator; `already` where one's report of this was waiting before."""

    already: bool


async def report_asset(request: ApiRequest, body: CreateReport) -> ReportAnswer:
    return await _report(request, "picture", request.id("asset_id"), body)


async def report_message(request: ApiRequest, body: CreateReport) -> ReportAnswer:
    return await _report(request, "message", request.id("message_id"), body)


async def _report(request: ApiRequest, target_kind: TargetKind, target_id: str, body: CreateReport) -> ReportAnswer:
    user_id, hours = request.viewer.id, request.state.config.hours_by_report_kind
    made = await request.state.database.run_as(
        user_id, reports.report, target_kind, target_id, body.kind, body.words, user_id, hours
    )
    return ReportAnswer(already=not made)


ROUTES = [
    Endpoint(
        "POST",
        "/assets/{asset_id}/reports",
        report_asset,
        summary="Report a picture or clip to the operator",
        body=CreateReport,
        answer=ReportAnswer,
        status=201,
    ),
    Endpoint(
        "POST",
        "/messages/{message_id}/reports",
        report_message,
        summary="Report a message to the operator",
        body=CreateReport,
        answer=ReportAnswer,
        status=201,
    ),
]
