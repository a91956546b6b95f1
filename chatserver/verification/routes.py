"""The API of verification: a file in, a verdict out; also without signing in."""

from chatserver.api.endpoint import ApiRequest, Endpoint, read_file
from chatserver.verification import service as verification
from chatserver.verification.models import Verdict


async def create(request: ApiRequest) -> Verdict:
    state, client = request.state, request.http.client
    address = client.host if client else ""
    # Counted before the file is read, which costs the sender more than us.
    await state.database.run_system(verification.count_attempt, address)
    data = await read_file(request.http)
    return await verification.verify(state.database, state.pictures, state.sealer, data, address)


ROUTES = [
    Endpoint(
        "POST",
        "/verifications",
        create,
        summary="Whether a picture or clip (at most 10 MB) was made here",
        answer=Verdict,
        takes_file=True,
        signed_in=False,
    ),
]
