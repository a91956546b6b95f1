"""Forged requests: what another site could make a browser send is refused; what our pages and programs send is not."""

import re

import pytest

from chatserver.web import forms
from tests.support.site import ADA, Client, serve

BEARER = {"Authorization": "Bearer ada"}

ALLOWED = {
    "our page": {**ADA, "Sec-Fetch-Site": "same-origin"},
    "typed by the reader": {**ADA, "Sec-Fetch-Site": "none"},
    "an older browser on our page": {**ADA, "Origin": "{here}"},
    "a program with a token": BEARER,
    "a program with a token, run by another site's page": {**BEARER, "Origin": "https://evil.example"},
    "a program without credentials": {},
}
REFUSED = {
    "another site": {**ADA, "Sec-Fetch-Site": "cross-site"},
    "a sub-domain's page": {**ADA, "Sec-Fetch-Site": "same-site"},
    "another site in an older browser": {**ADA, "Origin": "https://evil.example"},
    "a sandboxed frame": {**ADA, "Origin": "null"},
    "our name on another port": {**ADA, "Origin": "http://localhost:1"},
    "our name over another scheme": {**ADA, "Origin": "https://{host}"},
    "a cookie and no origin at all": ADA,
    "a sign-in forged by another site": {"Sec-Fetch-Site": "cross-site"},
    "other credentials than a token": {**ADA, "Authorization": "Basic YTpi"},
    "the right origin, fetched from elsewhere": {**ADA, "Origin": "{here}", "Sec-Fetch-Site": "cross-site"},
}


def _sent(client: Client, headers: dict[str, str]) -> dict[str, str]:
    here = str(client._base_url).rstrip("/")
    return {name: value.format(here=here, host=here.partition("//")[2]) for name, value in headers.items()}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("case", ALLOWED)
async def test_a_change_from_our_side_is_taken(client: Client, case: str, method: str) -> None:
    async with client.request(method, "/api/v1/who", headers=_sent(client, ALLOWED[case])) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("case", [case for case in ALLOWED if case.startswith("a program with a token")])
async def test_a_token_counts_on_no_page_and_vouches_for_no_cookie_there(client: Client, case: str) -> None:
    async with client.get("/who", headers=_sent(client, ALLOWED[case])) as answer:
        assert (await answer.json())["viewer"] is None
    async with client.post("/who", headers=_sent(client, {**ADA, **ALLOWED[case]})) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("case", REFUSED)
async def test_a_change_from_elsewhere_is_refused(client: Client, case: str, method: str) -> None:
    async with client.request(method, "/who", headers=_sent(client, REFUSED[case])) as answer:
        assert answer.status == 403
        assert (await answer.json())["error"]["code"] == "not-allowed"


async def test_reading_needs_no_origin(client: Client) -> None:
    async with client.get("/who", headers={**ADA, "Sec-Fetch-Site": "cross-site"}) as answer:
        assert (await answer.json())["viewer"] == "Ada"


async def test_behind_a_proxy_the_public_address_is_ours() -> None:
    async with serve(public_url="https://pictures.example.org") as client:
        asked = {**ADA, "Host": "pictures.example.org"}
        async with client.post("/who", headers={**asked, "Origin": "https://pictures.example.org"}) as answer:
            assert answer.status == 200
        async with client.post("/who", headers={**asked, "Origin": "https://other.example.org"}) as answer:
            assert answer.status == 403


# Form tokens ------------------------------------------------------------------------------------------------------

OURS = {"Sec-Fetch-Site": "same-origin"}


async def _token(client: Client, headers: dict[str, str]) -> tuple[str, str]:
    async with client.get("/form", headers=headers) as answer:
        text = await answer.text()
        found = re.search(r'name="csrf_token" value="([^"]+)"', text)
        assert found
        return found[1], answer.headers.get("Set-Cookie", "")


async def _post(client: Client, token: str, headers: dict[str, str]) -> int:
    async with client.post("/form", data={"name": "x", "csrf_token": token}, headers={**OURS, **headers}) as answer:
        return answer.status


async def test_a_form_is_taken_from_whom_it_was_drawn_for(client: Client) -> None:
    token, _ = await _token(client, ADA)
    assert await _post(client, token, ADA) == 200
    assert await _post(client, token, {"Cookie": "who=bob"}) == 403
    assert await _post(client, token, {}) == 403


async def test_a_tampered_token_is_refused(client: Client) -> None:
    token, _ = await _token(client, ADA)
    for wrong in ("", "x", token[:-4], token[::-1], "é", "A" * len(token), token + token):
        assert await _post(client, wrong, ADA) == 403


async def test_each_page_shows_another_token(client: Client) -> None:
    assert (await _token(client, ADA))[0] != (await _token(client, ADA))[0]


async def test_a_form_is_read_within_limits(client: Client) -> None:
    headers = {**OURS, **ADA}
    token, _ = await _token(client, ADA)
    bodies = {
        "many fields": ("&".join(f"a{n}=1" for n in range(200)), 400),
        "large": ("a=" + "x" * 70_000, 413),
        "not UTF-8": ("a=%ff", 400),
        "NUL": ("a=%00", 400),
        "not ASCII": ("a=é", 400),
    }
    for body, status in bodies.values():
        sent = f"csrf_token={token}&{body}".encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        async with client.post("/form", data=sent, headers={**headers, **kind}) as answer:
            assert answer.status == status
    async with client.post("/form", json={"csrf_token": token}, headers=headers) as answer:
        assert answer.status == 400


async def test_a_notice_is_shown_once_and_as_text(client: Client) -> None:
    async with client.get("/notice", allow_redirects=False) as answer:
        assert answer.status == 303
        cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    value = cookie.partition(";")[0]
    async with client.get("/offline", headers={"Cookie": value}) as answer:
        assert "Saved &lt;b&gt;!" in await answer.text()
        assert "Max-Age=0" in answer.headers["Set-Cookie"]
    async with client.get("/offline", headers={"Cookie": value[:-2]}) as answer:
        assert "Saved" not in await answer.text()


async def test_over_tls_cookies_are_secure_and_bound_to_the_host() -> None:
    named = {"Host": "pictures.example.org"}
    async with (
        serve(public_url="https://pictures.example.org") as client,
        client.get("/notice", headers=named, allow_redirects=False) as answer,
    ):
        cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-notice=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/\t/evil", ""])
def test_a_way_back_never_leads_elsewhere(path: str) -> None:
    assert forms.local_path(path) == "/"


def test_a_way_back_keeps_its_query() -> None:
    assert forms.local_path("/plans?session=1#end") == "/plans?session=1#end"


def test_a_mistake_is_shown_beside_its_field_or_above_the_form() -> None:
    form = forms.Form({"email": "x"})
    form.with_error(forms.ChatserverError(details={"field": "email"}))
    assert form.error("email")
    assert not form.message
    form.with_error(forms.ChatserverError(details={"field": "other"}))
    assert form.message
