"""What strangers see by a link, and what they no longer see: every address, every way in which a link ends."""

import contextlib
import io
import re
import zipfile
from types import SimpleNamespace
from unittest import mock

import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from chatserver import ids, users
from chatserver.config import Config
from chatserver.errors import Invalid, NotFound
from chatserver.privacy import erasure
from chatserver.sharing import requests
from chatserver.sharing.pages import visits as visit_pages
from chatserver.users import passwords
from chatserver.web import templating
from chatserver.web.forms import Form
from tests.imaging import samples
from tests.provenance import readers
from tests.sharing.visitors import PROMPT, SEED, Gallery, Visitor
from tests.support.people import run_sql
from tests.support.story import sign_up

GONE = "Nothing here, or not any more"


@pytest.fixture
async def stranger(product):
    visitor = Visitor(product)
    yield visitor
    await visitor.leaves()


# Reports ----------------------------------------------------------------------------------------------------------


async def test_a_stranger_reports_a_picture_of_a_link_once_and_is_slowed_down_after_ten(gallery, stranger):
    link = await gallery.shares_all()
    address = f"{link['path']}/{gallery.pictures[0]}/report"
    page = (await stranger.opens(address)).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token

    async def send(to, **fields):
        form = {"csrf_token": token[1], **fields}
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        async with stranger.client.post(to, data=form, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers.get("Location", "")

    assert (await send(address, kind="hate", words="Look\r\nhere"))[::2] == (
        303,
        f"{link['path']}/{gallery.pictures[0]}",
    )
    assert "Thank you." in (await stranger.opens(f"{link['path']}/{gallery.pictures[0]}")).text
    assert (await send(address, kind="spam"))[0] == 303
    assert "It is reported already." in (await stranger.opens(f"{link['path']}/{gallery.pictures[0]}")).text
    for fields in ({"kind": "rude"}, {"kind": ""}, {}, {"kind": "spam", "words": "x" * 1001}):
        assert (await send(address, **fields))[0] == 422
    for elsewhere in (f"{link['path']}/{ids.new()}/report", f"/s/{'x' * 32}/{gallery.pictures[0]}/report"):
        assert (await send(elsewhere, kind="spam"))[0] == 404
    answers = [await send(address, kind="spam") for _ in range(8)]
    assert answers[-1][0] == 429 and "try again" in answers[-1][1]
    rows = await run_sql(gallery.database, "SELECT kind, words, reporter_id, visitor FROM reports")
    assert [(row["kind"], row["words"], row["reporter_id"]) for row in rows] == [("hate", "Look\nhere", None)]
    assert rows[0]["visitor"] and "127.0.0.1" not in rows[0]["visitor"]


# What a link shows ------------------------------------------------------------------------------------------------


async def test_every_address_of_a_link_works_without_an_account_and_is_kept_out_of_search_engines(gallery, stranger):
    link = await gallery.shares_all(title="Harbours")
    assert link["url"] == f"{gallery.product.url}{link['path']}"
    assert re.fullmatch(r"/s/[A-Za-z0-9_-]{32}", link["path"])
    for address in gallery.addresses(link):
        answer = await stranger.opens(address)
        assert answer.status == 200, address
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow", address
        head = await stranger.opens(address, "HEAD")
        assert (head.status, head.body) == (200, b""), address
        if "text/html" in answer.headers["Content-Type"]:
            assert '<meta name="robots" content="noindex, nofollow">' in answer.text
            assert answer.headers["Cache-Control"] == "private, no-store", "Back shows no page of an ended link"
            assert "Harbours" in answer.text
    page = (await stranger.opens(link["path"])).text
    linked = set(re.findall(rf'(?:href|src|poster)="({link["path"]}[^"]*)"', page))
    for asset_id in (*gallery.pictures, gallery.clip):
        linked |= set(
            re.findall(rf'"({link["path"]}[^" ]*)', (await stranger.opens(f"{link['path']}/{asset_id}")).text)
        )
    assert linked <= set(gallery.addresses(link)) | {f"{link['path']}/{gallery.clip}/thumbnail.webp"}, linked


async def test_shared_files_are_well_formed_and_say_that_a_machine_made_them_and_nothing_of_prompt_and_seed(
    gallery, stranger, tmp_path
):
    link = await gallery.shares_all(prompts=True)
    own = (await gallery.ada.fetch(f"/files/{gallery.pictures[0]}/{await _filename(gallery, gallery.pictures[0])}"))[2]
    assert PROMPT.encode() in own, "the maker's own file has it"
    kinds = set()
    for address in gallery.addresses(link):
        answer = await stranger.opens(address)
        kind = answer.headers["Content-Type"]
        if kind.startswith("text/html"):
            continue
        kinds.add(kind)
        assert b"canary" not in answer.body, address
        assert str(SEED).encode() not in answer.body, address
        assert "canary" not in str(answer.headers), address
        if kind == "application/zip":
            continue
        tags = await readers.exiftool(answer.body, tmp_path)
        assert "canary" not in str(tags) and str(SEED) not in str(tags), address
        assert "algorithmicmedia" in str(tags).lower(), address
        if "thumbnail" not in address:
            assert readers.manifest(answer.body, kind)[0] == "Valid", address
    assert kinds == {"image/png", "image/jpeg", "image/webp", "video/mp4", "application/zip"}


async def _filename(gallery, asset_id):
    [row] = await run_sql(gallery.database, "SELECT filename FROM assets WHERE id = $1", asset_id)
    return row["filename"]


async def test_the_zip_has_the_copies_of_what_the_link_shows_and_its_length_is_known(gallery, stranger):
    link = await gallery.shares_all(title="Häfen / 2026")
    answer = await stranger.opens(f"{link['path']}/part-1.zip")
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        names = [f"picture-{each[-8:]}.png" for each in gallery.pictures] + [f"clip-{gallery.clip[-8:]}.mp4"]
        assert archive.namelist() == names
        for asset_id, name in zip((*gallery.pictures, gallery.clip), names, strict=True):
            assert archive.read(name) == (await stranger.opens(f"{link['path']}/{asset_id}/{name}")).body
    for part in ("2", "0", "01", "1000", "x", "-1"):
        assert (await stranger.opens(f"{link['path']}/part-{part}.zip")).status == 404, part


async def test_an_upload_is_shared_as_a_copy_without_its_name_and_without_any_metadata(gallery, stranger, tmp_path):
    address = f"{gallery.product.url}/api/v1/sessions/{gallery.session['id']}/uploads?client_id=u&name=canaryname.png"
    headers = {"Authorization": f"Bearer {gallery.ada.token}", "Content-Type": "image/png"}
    async with stranger.client.post(address, data=samples.noise("PNG"), headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        asset_id = re.findall(r'"id":"([^"]+)"', await answer.text())[0]
    link = await gallery.shares(kind="picture", asset_ids=[asset_id], prompts=True)
    path = f"{link['path']}/{asset_id}"
    assert "canaryname" not in (await stranger.opens(path)).text
    stem = f"{path}/picture-{asset_id[-8:]}"
    for address in (f"{stem}.png", f"{stem}.jpg", f"{path}/1024.webp", f"{link['path']}/part-1.zip"):
        shown = await stranger.opens(address)
        assert shown.status == 200, address
        assert "canaryname" not in str(shown.headers) and b"canaryname" not in shown.body, address
    # Nobody shares what they brought along by sharing what they made.
    for follow in (False, True):
        whole = await gallery.shares(kind="session", session_id=gallery.session["id"], follow=follow)
        assert (await stranger.opens(f"{whole['path']}/{gallery.pictures[0]}/1024.webp")).status == 200
        assert (await stranger.opens(f"{whole['path']}/{asset_id}/1024.webp")).status == 404, follow
    assert "Prompt" not in str(await readers.exiftool((await stranger.opens(f"{stem}.png")).body, tmp_path))


async def test_only_the_files_of_the_link_and_only_under_their_names(gallery, stranger):
    link = await gallery.shares(kind="picture", asset_ids=[gallery.pictures[0]])
    path, stem = link["path"], f"picture-{gallery.pictures[0][-8:]}"
    own = await _filename(gallery, gallery.pictures[0])
    for address in (
        f"{path}/{gallery.pictures[1]}",
        f"{path}/{gallery.pictures[1]}/thumbnail.webp",
        f"{path}/{gallery.of_guest}/thumbnail.webp",
        f"{path}/{ids.new()}/thumbnail.webp",
        f"{path}/{gallery.pictures[0]}/{own}",
        f"{path}/{gallery.pictures[0]}/{stem}.gif",
        f"{path}/{gallery.pictures[0]}/{stem}",
        f"{path}/{gallery.pictures[0]}/512.webp",
        f"{path}/{gallery.pictures[0]}/..%2f{stem}.png",
        f"{path}/no-id/thumbnail.webp",
    ):
        assert (await stranger.opens(address)).status == 404, address
    assert (await stranger.opens(f"/files/{gallery.pictures[0]}/{own}")).status == 404


async def test_downloads_and_prompts_are_switched_at_once(gallery, stranger):
    link = await gallery.shares_all()
    path, picture = link["path"], gallery.pictures[0]
    page = f"{path}/{picture}"
    file = f"{page}/picture-{picture[-8:]}.png"
    clip = f"{path}/{gallery.clip}/clip-{gallery.clip[-8:]}.mp4"
    assert "canary" not in (await stranger.opens(page)).text
    await gallery.ada.call("PATCH", f"/shares/{link['id']}", {"prompts": True})
    shown = (await stranger.opens(page)).text
    assert PROMPT in shown and "Use this prompt" in shown and str(SEED) not in shown
    assert PROMPT in (await stranger.opens(path)).text
    await gallery.ada.call("PATCH", f"/shares/{link['id']}", {"prompts": False, "downloads": False})
    for address in (path, page):
        text = (await stranger.opens(address)).text
        assert "canary" not in text and "ownload" not in text, address
    for address in (file, f"{file}?download", file.replace(".png", ".jpg"), f"{path}/part-1.zip", f"{clip}?download"):
        assert (await stranger.opens(address)).status == 404, address
    for address in (clip, f"{page}/1024.webp", f"{page}/thumbnail.webp"):
        assert (await stranger.opens(address)).status == 200, address


async def test_a_preview_for_messengers_only_where_the_maker_allowed_it(gallery, stranger):
    link = await gallery.shares(kind="picture", asset_ids=[gallery.pictures[0]], title="Canarytitle")
    page = (await stranger.opens(link["path"])).text
    assert "og:" not in page and "<title>Shared with you" in page
    await gallery.ada.call("PATCH", f"/shares/{link['id']}", {"preview": True})
    page = (await stranger.opens(link["path"])).text
    [image] = re.findall(r'property="og:image" content="([^"]+)"', page)
    assert 'property="og:title" content="Canarytitle"' in page
    assert (await stranger.opens(image.removeprefix(gallery.product.url))).status == 200
    await gallery.ada.call("PATCH", f"/shares/{link['id']}", {"password": "open sesame"})
    page = (await stranger.opens(link["path"])).text
    assert "og:" not in page and "Canarytitle" not in page


async def test_a_link_follows_its_album_or_keeps_what_was_in_it(gallery, stranger):
    asset_ids = [gallery.pictures[0]]
    album = (
        await gallery.ada.call("POST", "/albums", {"name": "Sea", "description": "Of waves", "asset_ids": asset_ids})
    )["album"]
    kept = await gallery.shares(kind="album", album_id=album["id"])
    follows = await gallery.shares(kind="album", album_id=album["id"], follow=True)
    assert (kept["share"]["title"], kept["share"]["follows"], follows["share"]["follows"]) == ("Sea", False, True)
    added = {"asset_ids": [gallery.pictures[1]]}
    await gallery.ada.call("POST", f"/albums/{album['id']}/pictures", added)
    second = f"{gallery.pictures[1]}/thumbnail.webp"
    assert (await stranger.opens(f"{kept['path']}/{second}")).status == 404
    assert (await stranger.opens(f"{follows['path']}/{second}")).status == 200
    assert "Of waves" in (await stranger.opens(follows["path"])).text
    await gallery.ada.call("POST", f"/albums/{album['id']}/pictures/remove", added)
    assert (await stranger.opens(f"{follows['path']}/{second}")).status == 404
    await gallery.ada.call("POST", f"/albums/{album['id']}/pictures/remove", {"asset_ids": asset_ids})
    assert "Nothing in it yet" in (await stranger.opens(follows["path"])).text
    await gallery.ada.call("DELETE", f"/albums/{album['id']}")
    assert (await stranger.opens(follows["path"])).status == 404
    assert (await stranger.opens(kept["path"])).status == 200, "it is a list of its own"


async def test_a_link_to_a_session_shows_what_its_maker_made_there_and_nobody_elses(gallery, stranger):
    kept = await gallery.shares(kind="session", session_id=gallery.session["id"])
    follows = await gallery.shares(kind="session", session_id=gallery.session["id"], follow=True)
    for link in (kept, follows):
        for asset_id in (*gallery.pictures, gallery.clip):
            assert (await stranger.opens(f"{link['path']}/{asset_id}/thumbnail.webp")).status == 200
        assert (await stranger.opens(f"{link['path']}/{gallery.of_guest}/thumbnail.webp")).status == 404
        assert link["share"]["title"] == "", "what the session is called is between its members"
    new = await gallery.makes(gallery.ada)
    assert (await stranger.opens(f"{follows['path']}/{new}/thumbnail.webp")).status == 200
    assert (await stranger.opens(f"{kept['path']}/{new}/thumbnail.webp")).status == 404


# How it ends ------------------------------------------------------------------------------------------------------


async def revoke(gallery, link):
    await gallery.ada.call("DELETE", f"/shares/{link['id']}")


async def expire(gallery, link):
    await run_sql(gallery.database, "UPDATE shares SET expires_at = now() WHERE id = $1", link["id"])


async def ban(gallery, link):
    await gallery.database.run_system(users.ban, gallery.ada.id)


async def set_password(gallery, link):
    await gallery.ada.call("PATCH", f"/shares/{link['id']}", {"password": "open sesame"})


@pytest.mark.parametrize("end", [revoke, expire, ban])
async def test_an_ended_link_answers_at_every_address_like_one_that_never_was(gallery, stranger, end):
    link, other = await gallery.shares_all(), await gallery.shares_all()
    addresses = gallery.addresses(link)
    for address in addresses:
        assert (await stranger.opens(address)).status == 200, address
    await end(gallery, link)
    try:
        for address in addresses:
            wrong = address.replace(link["path"], "/s/" + "A" * 32)
            gone, never = await stranger.opens(address), await stranger.opens(wrong)
            assert gone.status == 404, address
            assert gone.same == never.same, address
            assert (await stranger.opens(address, **{"If-None-Match": "*", "Range": "bytes=0-1"})).status == 404
            assert (await stranger.opens(address, "HEAD")).status == 404, address
            assert gone.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert GONE in (await stranger.opens(link["path"])).text
        # Only a banned maker's other links end too.
        assert (await stranger.opens(other["path"])).status == (404 if end is ban else 200)
    finally:
        await gallery.database.run_system(users.unban, gallery.ada.id)
    assert (await stranger.opens(link["path"])).status == (200 if end is ban else 404)


async def test_a_link_ends_with_its_last_picture(gallery, stranger):
    first, second = [await gallery.makes(gallery.ada) for _ in range(2)]
    alone = await gallery.shares(kind="picture", asset_ids=[first])
    both = await gallery.shares(kind="selection", asset_ids=[first, second])
    await gallery.ada.call("DELETE", f"/assets/{first}")
    assert (await stranger.opens(alone["path"])).status == 404
    assert (await stranger.opens(f"{both['path']}/{first}/thumbnail.webp")).status == 404
    assert (await stranger.opens(f"{both['path']}/{second}/thumbnail.webp")).status == 200
    await gallery.ada.call("DELETE", f"/assets/{second}")
    assert (await stranger.opens(both["path"])).status == 404
    listed = {each["id"]: each for each in (await gallery.ada.call("GET", "/shares"))["shares"]}
    assert (listed[both["id"]]["status"], listed[both["id"]]["cover_url"]) == ("empty", None)


async def test_a_link_goes_on_after_its_sessions_time_and_ends_with_the_session(gallery, stranger):
    session = await gallery.ada.buys("flash")
    made = await gallery.makes(gallery.ada, session=session)
    links = [
        await gallery.shares(kind="session", session_id=session["id"], follow=True),
        await gallery.shares(kind="picture", asset_ids=[made]),
    ]
    await run_sql(gallery.database, "UPDATE user_sessions SET expires_at = now() WHERE id = $1", session["id"])
    for link in links:
        assert (await stranger.opens(f"{link['path']}/{made}/1024.webp")).status == 200
    await gallery.ada.call("DELETE", f"/sessions/{session['id']}")
    for link in links:
        assert (await stranger.opens(link["path"])).status == 404
        assert (await stranger.opens(f"{link['path']}/{made}/1024.webp")).status == 404


async def test_the_pictures_of_a_guest_who_left_stay_theirs_to_share(gallery, stranger):
    rows = "UPDATE session_members SET left_at = $2 WHERE user_id = $1"
    answer = await gallery.grace.call("POST", "/shares", {"kind": "picture", "asset_ids": [gallery.of_guest]})
    await gallery.ada.call("DELETE", f"/sessions/{gallery.session['id']}/members/{gallery.grace.id}")
    assert (await stranger.opens(answer["share"]["path"])).status == 200
    changed = await gallery.grace.call("PATCH", f"/shares/{answer['share']['id']}", {"prompts": True})
    assert changed["share"]["prompts"], "a link stays its maker's to change"
    await run_sql(gallery.database, rows, gallery.grace.id, None)


async def test_links_go_with_their_makers_account(gallery, stranger):
    other = Gallery(gallery.product, gallery.database, gallery.storage)
    other.ada = await sign_up(gallery.product, "Eve")
    session = await other.ada.buys("flash")
    made = await gallery.makes(other.ada, session=session)
    link = await other.shares(kind="picture", asset_ids=[made])
    assert (await stranger.opens(link["path"])).status == 200
    await gallery.database.run_system(erasure.close_account, other.ada.id)
    assert (await stranger.opens(link["path"])).status == 404
    assert (await stranger.opens(f"{link['path']}/{made}/thumbnail.webp")).status == 404
    assert not await run_sql(gallery.database, "SELECT FROM shares WHERE user_id = $1", other.ada.id)


# Passwords --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("letter", "fits"), [("\u0958", 128), ("é", 256)])
async def test_every_password_that_a_link_may_have_opens_it(letter, fits):
    stored = await requests.password_hash("ada", letter * fits)
    assert await passwords.matches(stored, letter * fits)
    for number in (fits + 1, 2):
        with pytest.raises(Invalid, match="4 to 256 characters"):
            await requests.password_hash("ada", letter * number)


async def test_a_password_is_asked_once_per_browser_and_stands_in_no_address(gallery, product, stranger):
    link = await gallery.shares_all(title="Canarytitle", password="open sesame")
    assert link["share"]["has_password"] and "sesame" not in str(link)
    page = await stranger.opens(link["path"])
    assert page.status == 200 and "This link has a password" in page.text and "Canary" not in page.text
    for address in gallery.addresses(link)[2:]:
        assert (await stranger.opens(address)).status == 404, address
    wrong = await stranger.gives_password(link["path"], "open sesam")
    assert wrong.status == 422 and "sesam" not in wrong.text
    right = await stranger.gives_password(link["path"], "open sesame")
    assert (right.status, right.headers["Location"]) == (303, link["path"])
    assert "sesame" not in str(right.headers) and "HttpOnly" in right.headers["Set-Cookie"]
    for address in gallery.addresses(link):
        assert (await stranger.opens(address)).status == 200, address
    another = Visitor(product)
    assert "This link has a password" in (await another.opens(link["path"])).text
    await another.leaves()
    # It opens no other link, and another password is asked for again.
    other = await gallery.shares_all(password="open sesame")
    assert "This link has a password" in (await stranger.opens(other["path"])).text
    await gallery.ada.call("PATCH", f"/shares/{link['id']}", {"password": "a new one"})
    assert "This link has a password" in (await stranger.opens(link["path"])).text
    assert (await stranger.opens(f"{link['path']}/part-1.zip")).status == 404
    await gallery.ada.call("PATCH", f"/shares/{link['id']}", {"password": ""})
    assert "Canarytitle" in (await stranger.opens(link["path"])).text


async def test_a_guess_takes_one_check_whatever_is_wrong_with_the_link(gallery, product, monkeypatch):
    """As long for a link that is not there, has ended or has no password as for a wrong password."""
    checked = []

    async def matches(password_hash, password):
        checked.append(password)
        return await passwords.matching(password_hash, password) is not None

    monkeypatch.setattr(visit_pages.passwords, "matches", matches)
    locked, open_one = await gallery.shares_all(password="open sesame"), await gallery.shares_all()
    ended = await gallery.shares_all(password="open sesame")
    await revoke(gallery, ended)
    app = Starlette(routes=visit_pages.PAGES)
    app.state.chatserver = SimpleNamespace(database=gallery.database)
    app.state.site = templating.open_site(Config(), "a test's key")
    for path, expected in (
        (locked["path"], 422),
        (ended["path"], 404),
        ("/s/" + "A" * 32, 404),
        (open_one["path"], 303),
    ):
        checked.clear()
        assert await _guess(app, path) == expected
        assert checked == ["a guess"], path


async def _guess(app, path):
    """The status of a guess, by the handler itself: this process counts its checks."""
    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"accept", b"application/json")], "app": app}
    request = Request(scope | {"query_string": b"", "path_params": {"token": path.removeprefix("/s/")}, "state": {}})
    request.state.viewer = None
    form = Form({"password": "a guess"})
    with mock.patch.object(visit_pages.forms, "read", mock.AsyncMock(return_value=form)), contextlib.suppress(NotFound):
        return (await visit_pages.give_password(request)).status_code
    return 404


async def test_guesses_are_slowed_for_a_link_that_is_there_as_for_one_that_is_not(gallery, stranger):
    link = await gallery.shares_all(password="open sesame")
    for path in (link["path"], "/s/" + "A" * 32):
        await run_sql(gallery.database, "DELETE FROM throttles")
        answers = [await stranger.gives_password(path, f"guess {number}") for number in range(12)]
        assert [each.status for each in answers][:10] == [422 if path == link["path"] else 404] * 10
        assert [each.status for each in answers][10:] == [429, 429]
        assert int(answers[-1].headers["Retry-After"]) > 1
    assert (await stranger.gives_password(link["path"], "open sesame")).status == 429
    await run_sql(gallery.database, "DELETE FROM throttles")
    for _ in range(12):
        assert (await stranger.gives_password(link["path"], "open sesame")).status == 303, "right ones are no guesses"
