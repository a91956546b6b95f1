"""Errors as people and as programs see them."""

import json

import pytest
from markupsafe import Markup
from structlog.testing import capture_logs

from tests.support.site import ADA, BROWSER, Client

CASES = {
    "/nowhere": (404, "not-found"),
    "/body": (405, "method-not-allowed"),
    "/fail/busy": (503, "busy"),
    "/fail/invalid": (422, "invalid"),
    "/fail/unforeseen": (500, "internal"),
}


@pytest.mark.parametrize("path", CASES)
async def test_a_program_gets_a_code_and_a_sentence(client: Client, path: str) -> None:
    status, code = CASES[path]
    async with client.get(path) as answer:
        assert answer.status == status
        error = (await answer.json())["error"]
        assert error["code"] == code
        assert error["message"].endswith(".")


@pytest.mark.parametrize("path", CASES)
async def test_a_person_gets_a_page_with_a_way_out_and_the_request_id(client: Client, path: str) -> None:
    status, code = CASES[path]
    async with client.get(path, headers=BROWSER) as answer:
        assert answer.status == status
        text = await answer.text()
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.headers["X-Request-Id"] in text
        assert code in text
        assert 'href="/"' in text


async def test_who_has_a_sign_in_is_not_asked_to_sign_up_while_it_cannot_be_looked_up(client: Client) -> None:
    async with client.get("/who", headers={**BROWSER, "Cookie": "who=somebody"}) as answer:
        assert answer.status == 503
        page = await answer.text()
        assert "One moment, please" in page
        assert "/sign-up" not in page
        assert "/sign-in" not in page
    async with client.get("/fail/busy", headers=BROWSER) as answer:
        assert "/sign-up" in await answer.text()


async def test_the_api_speaks_json_even_to_browsers(client: Client) -> None:
    async with client.get("/api/v1/nowhere", headers=BROWSER) as answer:
        assert (await answer.json())["error"]["code"] == "not-found"


async def test_a_wait_is_told_in_whole_seconds(client: Client) -> None:
    async with client.get("/fail/busy") as answer:
        assert answer.headers["Retry-After"] == "2"
        assert (await answer.json())["error"]["retry_after"] == 1.2
    async with client.get("/fail/busy", headers=BROWSER) as answer:
        assert "another try in 1.2 s" in Markup(await answer.text()).striptags()


async def test_an_unforeseen_error_is_logged_with_its_request_and_shown_in_general_words(client: Client) -> None:
    with capture_logs() as lines:
        async with client.get("/fail/unforeseen") as answer:
            text = await answer.text()
    assert "inside" not in text
    [line] = [line for line in lines if line["event"] == "request.failed"]
    assert line["error"] == "ValueError"
    assert line["log_level"] == "error"


async def test_who_has_to_sign_in_is_led_there_and_back(client: Client) -> None:
    async with client.get("/fail/sign-in?a=b", headers=BROWSER, allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == "/sign-in?next=/fail/sign-in%3Fa%3Db"
    async with client.get("/api/v1/fail/sign-in") as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    async with client.get("/fail/sign-in", headers=ADA) as answer:
        assert json.loads(await answer.text())["error"]["code"] == "not-signed-in"


async def test_a_link_of_members_offers_a_visitor_to_sign_in_and_leads_back(client: Client) -> None:
    async with client.get("/files/a/b.png?x=1", headers=BROWSER) as answer:
        assert 'href="/sign-in?next=/files/a/b.png%3Fx%3D1"' in await answer.text()
    async with client.get("/files/a/b.png", headers={**BROWSER, **ADA}) as answer:
        assert answer.status == 404
        assert "/sign-in" not in await answer.text()
