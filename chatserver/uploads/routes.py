"""The API of uploads. `DELETE /assets/{id}` deletes one, as it deletes what was made here (`generations.routes`)."""

from chatserver import sessions
from chatserver.api.endpoint import ApiRequest, Endpoint, read_file
from chatserver.uploads import service as uploads
from chatserver.uploads.models import UploadAnswer, UploadsPage
from chatserver.uploads.requests import CreateUpload, ListUploads
from chatserver.uploads.service import UploadParts


async def create_upload(request: ApiRequest) -> UploadAnswer:
    state, session_id = request.state, request.id("session_id")
    # Before the query is judged: strangers learn nothing of a session.
    await state.database.run_as(request.viewer.id, sessions.membership, session_id)
    parts, query = UploadParts(state.database, state.storage, state.pictures), request.query(CreateUpload)
    return await uploads.receive(parts, request.viewer.id, session_id, query, lambda: read_file(request.http))


async def list_uploads(request: ApiRequest) -> UploadsPage:
    return await request.state.database.run_as(request.viewer.id, uploads.list_own, request.query(ListUploads))


ROUTES = [
    Endpoint(
        "POST",
        "/sessions/{session_id}/uploads",
        create_upload,
        summary="Bring a picture (PNG, JPEG or WebP, at most 10 MB and 25 megapixels), to change it",
        query=CreateUpload,
        answer=UploadAnswer,
        status=201,
        takes_file=True,
    ),
    Endpoint(
        "GET",
        "/uploads",
        list_uploads,
        summary="One's own uploads, the newest first",
        query=ListUploads,
        answer=UploadsPage,
    ),
]
