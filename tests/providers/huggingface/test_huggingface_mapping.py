"""Who serves a model, as the hub says, and whose token it is."""

import asyncio
import threading

import pytest

from chatserver.errors import InvalidToken, ModelGone, ProviderDown, ProviderRateLimited, TimedOut, WrongAddress
from chatserver.providers.huggingface.token_identity import parsed
from tests.emulators.huggingface import Emulator, Fail, Hang, Held, Json, Ok, Outcome, Raw
from tests.emulators.huggingface.hub import WHOAMI
from tests.providers.huggingface.requests import Make, finished, request, updates_of
from tests.support.loop_watch import LOOP_SECONDS, watching

MODEL = "black-forest-labs/FLUX.1-schnell"
LIVE = {"status": "live", "task": "text-to-image"}


def entry(provider: str, **fields: str) -> dict[str, str]:
    return {**LIVE, "providerId": MODEL, "provider": provider, **fields}


@pytest.mark.parametrize(
    "mapping",
    [
        {"nscale": {**LIVE, "providerId": MODEL}},
        [entry("nscale", hfModelId=MODEL, type="single-model")],
        [entry("somebody-new"), entry("nscale")],
        [entry("fal-ai", status="staging"), entry("nscale")],
        [entry("fal-ai", status="error"), entry("nscale")],
        [entry("fal-ai", task="image-to-image"), entry("nscale")],
        [entry("fal-ai", task="something-new"), {"provider": "fal-ai"}, "noise", None, entry("nscale")],
    ],
)
async def test_the_first_live_provider_that_we_speak_with_is_used(huggingface: Emulator, make: Make, mapping: object):
    huggingface.mappings[MODEL] = mapping
    assert (await finished(make(), request())).provider == "huggingface · nscale"


@pytest.mark.parametrize("mapping", [None, {}, [], "noise", [entry("somebody-new")], [entry("nscale", status="error")]])
async def test_a_model_that_nobody_serves_is_gone(huggingface: Emulator, make: Make, mapping: object):
    huggingface.mappings[MODEL] = mapping
    with pytest.raises(ModelGone, match="not served"):
        await updates_of(make(), request())
    assert huggingface.calls("make") == []


async def test_a_provider_that_the_operator_names_is_used_whatever_its_state(huggingface: Emulator, make: Make):
    huggingface.mappings[MODEL] = [entry("fal-ai"), entry("nscale", status="error")]
    assert (await finished(make(hf_provider="nscale"), request())).provider == "huggingface · nscale"
    with pytest.raises(ModelGone, match="by replicate"):
        await updates_of(make(hf_provider="replicate"), request())


async def test_the_mapping_is_asked_once_for_many_pictures_at_once(huggingface: Emulator, make: Make):
    huggingface.script("mapping", [Ok(0.1)])
    provider = make(hf_provider="nscale")
    await asyncio.gather(*(finished(provider, request(seed=seed)) for seed in range(5)))
    assert len(huggingface.calls("mapping")) == 1
    assert huggingface.calls("mapping")[0].headers["authorization"].startswith("Bearer hf_")


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_a_provider_that_no_longer_knows_the_model_makes_us_ask_again(
    huggingface: Emulator, make: Make, status: int
):
    huggingface.script("text-to-image", [Fail(status)])
    provider = make(hf_provider="nscale")
    with pytest.raises(ModelGone):
        await updates_of(provider, request())
    assert await finished(provider, request())
    assert len(huggingface.calls("mapping")) == 2


async def test_a_hub_that_is_away_does_not_stop_a_known_model(huggingface: Emulator, make: Make):
    provider = make({"mapping_ttl_seconds": 0.0, "mapping_retry_seconds": 0.0}, hf_provider="nscale")
    await finished(provider, request())
    huggingface.script("mapping", [Fail(502)])
    assert await finished(provider, request())
    huggingface.script("mapping", [Fail(401)])
    with pytest.raises(InvalidToken):
        await updates_of(provider, request())


async def test_a_hub_that_is_away_is_not_waited_for_again_by_each_picture_of_a_known_model(
    huggingface: Emulator, make: Make
):
    provider = make({"mapping_ttl_seconds": 0.0}, hf_provider="nscale")
    await finished(provider, request())
    huggingface.script("mapping", [Fail(502)])
    await finished(provider, request())
    await finished(provider, request())
    assert len(huggingface.calls("mapping")) == 2


async def test_a_silent_hub_is_waited_for_once_by_all_who_ask(huggingface: Emulator, make: Make):
    huggingface.script("mapping", [Hang()])
    provider = make({"query_seconds": 0.5}, hf_provider="nscale")
    errors = await asyncio.gather(*(updates_of(provider, request()) for _ in range(4)), return_exceptions=True)
    assert [type(error) for error in errors] == 4 * [TimedOut]
    assert len(huggingface.calls("mapping")) == 1
    assert await finished(provider, request()), "the next one asks again"


async def test_a_picture_that_stops_waiting_for_the_hub_keeps_nobody_from_its_answer(huggingface: Emulator, make: Make):
    let_go = threading.Event()
    huggingface.script("mapping", [Held(let_go)])
    provider = make(hf_provider="nscale")
    first, second = (asyncio.create_task(finished(provider, request())) for _ in range(2))
    while not huggingface.calls("mapping"):
        await asyncio.sleep(0.01)
    first.cancel()
    let_go.set()
    assert await second
    assert len(huggingface.calls("mapping")) == 1


async def test_a_hub_that_limits_us_names_the_end_of_its_window(huggingface: Emulator, make: Make):
    huggingface.script("mapping", [Fail(429, headers={"Retry-After": "", "RateLimit": '"api";r=0;t=55'})])
    with pytest.raises(ProviderRateLimited) as raised:
        await updates_of(make(), request())
    assert raised.value.retry_after == 55


async def test_a_slow_hub_delays_only_those_who_wait_for_it(huggingface: Emulator, make: Make):
    let_go = threading.Event()
    huggingface.script("mapping", [Held(let_go)])
    async with watching() as loop:
        task = asyncio.create_task(finished(make(), request()))
        # A loop that the hub held up would not get as far as to let go.
        while not huggingface.calls("mapping"):
            await asyncio.sleep(0.01)
        let_go.set()
        await task
    assert loop.busiest < LOOP_SECONDS


@pytest.mark.parametrize("model", ["../../api/whoami-v2", "a b", "a?x=1#y"])
async def test_a_model_name_cannot_lead_elsewhere(huggingface: Emulator, make: Make, model: str):
    with pytest.raises(ModelGone):
        await updates_of(make(image_model=model), request())
    assert huggingface.calls("whoami") == []


async def test_the_identity_is_the_owner_of_the_token_and_what_it_may(huggingface: Emulator, make: Make):
    identity = await make().identity()
    assert (identity.name, identity.may_infer) == ("ada", True)


@pytest.mark.parametrize(
    ("outcome", "error"), [(Fail(401), InvalidToken), (Fail(429), ProviderRateLimited), (Fail(502), ProviderDown)]
)
async def test_an_identity_that_cannot_be_had_says_why(huggingface: Emulator, make: Make, outcome: Fail, error: type):
    huggingface.script("whoami", [outcome])
    with pytest.raises(error):
        await make().identity()


def token(**access: object) -> dict[str, object]:
    return {"type": "user", "name": "ada", "auth": {"type": "access_token", "accessToken": access}}


def rights(**given: object) -> dict[str, object]:
    return token(role="fineGrained", fineGrained={"global": [], "scoped": [], **given})


@pytest.mark.parametrize(
    ("document", "may_infer"),
    [
        (WHOAMI, True),
        (rights(**{"global": ["inference.serverless.write"]}), True),
        (rights(), False),
        (
            rights(scoped=[{"entity": {"type": "org", "name": "x"}, "permissions": ["inference.serverless.write"]}]),
            False,
        ),
        (rights(scoped=[{"entity": {"type": "user"}, "permissions": ["repo.read"]}, "noise"]), False),
        (token(role="write", displayName="old"), True),
        ({"type": "user", "name": "ada", "auth": {"type": "oauth"}}, None),
        ({"type": "user", "name": "ada"}, None),
    ],
)
def test_whether_a_token_may_infer_is_told_only_where_it_is_known(document: dict, may_infer: bool | None):
    assert parsed(document).may_infer is may_infer


async def test_the_route_of_the_default_model_is_told_to_the_doctor(huggingface: Emulator, make: Make):
    route = await make(hf_provider="fal-ai").route("text-to-video")
    assert (route.provider, route.provider_id) == ("fal-ai", "fal-ai/wan/t2v")


async def test_an_unreadable_identity_is_an_error(huggingface: Emulator, make: Make):
    huggingface.script("whoami", [Json([])])
    with pytest.raises(Exception, match="could not be read"):
        await make().identity()


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Raw(b"<!doctype html><title>Welcome</title>", "text/html"), "a web page"),
        (Fail(404, "<html>Not found</html>"), "404"),
        (Fail(404, "404 page not found", content_type="text/plain"), "404"),
        (Fail(404, {"detail": "Not Found"}), "404"),
    ],
)
async def test_a_router_that_is_none_is_an_address_that_does_not_speak(
    huggingface: Emulator, make: Make, outcome: Outcome, words: str
):
    huggingface.script("text-to-image", [outcome])
    huggingface.script("models", [outcome])
    with pytest.raises(WrongAddress, match=words) as raised:
        await finished(make(), request())
    assert "Set HF_ROUTER_URL" in raised.value.message
    assert "another" not in raised.value.message


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Raw(b"<!doctype html><title>Welcome</title>", "text/html"), "a web page"),
        (Fail(404, "<html>Not found</html>"), "404"),
        (Raw(b'"hello"', "application/json"), "something else"),
        (Fail(302, headers={"Location": "/login"}), "/login"),
    ],
)
async def test_a_hub_that_is_none_is_an_address_that_does_not_speak(
    huggingface: Emulator, make: Make, outcome: Outcome, words: str
):
    huggingface.script("mapping", [outcome])
    huggingface.script("whoami", [outcome])
    provider = make()
    with pytest.raises(WrongAddress, match=words) as raised:
        await finished(provider, request())
    assert "Set HF_ENDPOINT" in raised.value.message
    assert "another" not in raised.value.message
    with pytest.raises(WrongAddress, match="Set HF_ENDPOINT"):
        await provider.identity()


async def test_a_hub_without_https_says_which_address_it_is(huggingface: Emulator, make: Make):
    provider = make(hf_endpoint=huggingface.url.replace("http:", "https:"))
    for asked in (finished(provider, request()), provider.identity(), provider.route("text-to-image")):
        with pytest.raises(WrongAddress, match=r"nobody there speaks https.*Set HF_ENDPOINT"):
            await asked
