"""Strangers who have a link: what every address of it answers them."""

import re
from typing import Any

import aiohttp
from msgspec import Struct
from multidict import CIMultiDict

from chatserver.imaging import clips
from tests.assets.session_files import SessionFiles
from tests.imaging import samples
from tests.support import keep_alive
from tests.support.story import sign_up

PROMPT, SEED = "a canaryprompt harbour at dusk", 424242


class Answer(Struct, frozen=True):
    """What an address answers."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def same(self) -> tuple[Any, ...]:
        """All that is the same for two answers that tell nothing apart: not the ids of request and form."""
        unlike = {"date", "x-request-id", "set-cookie"}
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() not in unlike}
        text = re.sub(r'content="[0-9TZ:-]+"|name="csrf_token" value="[^"]*"', "", self.text)
        return self.status, headers, text


class Visitor:
    """Somebody without an account, in one browser."""

    def __init__(self, product) -> None:
        self.client = aiohttp.ClientSession(
            product.url, cookie_jar=aiohttp.CookieJar(unsafe=True), connector=keep_alive.connector()
        )

    async def opens(self, path: str, method: str = "GET", **headers: str) -> Answer:
        sent = {"Accept": "text/html", "Accept-Encoding": "identity", **headers}
        async with self.client.request(method, path, headers=sent, allow_redirects=False) as answer:
            return Answer(answer.status, CIMultiDict(answer.headers), await answer.read())

    async def gives_password(self, path: str, password: str) -> Answer:
        """Fills in the form of a link; with the form token of any page, as a link that is not there has no form."""
        page = (await self.opens("/sign-in")).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token
        form = {"password": password, "csrf_token": token[1]}
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        async with self.client.post(path, data=form, headers=headers, allow_redirects=False) as answer:
            return Answer(answer.status, CIMultiDict(answer.headers), await answer.read())

    async def leaves(self) -> None:
        await self.client.close()


def _clip():
    """A clip as it is stored, with prompt and seed in it."""
    provenance = samples.provenance(prompt=PROMPT, seed=SEED)
    return clips.verify(samples.clip("mp4", "libx264"), provenance)


class Gallery:
    """What Ada has made, by the ids of the files: `pictures`, `clip`; `of_guest` is Grace's, in the same session."""

    def __init__(self, product, database, storage) -> None:
        self.product, self.database, self.storage = product, database, storage

    @classmethod
    async def fill(cls, product, database, storage) -> "Gallery":
        self = cls(product, database, storage)
        self.ada, self.grace = [await sign_up(product, name) for name in ("Ada", "Grace")]
        self.session = await self.ada.buys("pro")
        await self.grace.accepts(await self.ada.invites(self.session, guests_may_generate=True))
        self.pictures = [await self.makes(self.ada) for _ in range(2)]
        self.files = SessionFiles(database, storage)
        self.files.ada, self.files.session_id = self.ada.id, self.session["id"]
        # A clip of the painter's takes ten seconds.
        self.clip = (await self.files.create_file(_clip(), PROMPT)).id
        self.of_guest = await self.makes(self.grace)
        return self

    async def makes(self, person, session: Any = None) -> str:
        """The id of the file of a picture that somebody has made."""
        chat = await person.joins(session or self.session)
        asked = await chat.generates(PROMPT, width=64, height=64, seed=SEED)
        message = await chat.sees_ended(asked)
        await chat.leaves()
        asset_id: str = message["generations"][0]["assets"][0]["id"]
        return asset_id

    async def shares(self, **wanted: Any) -> dict[str, Any]:
        """A link of Ada's; `share`, `url`, and its `path`."""
        answer = await self.ada.call("POST", "/shares", wanted)
        return {**answer, "id": answer["share"]["id"], "path": answer["share"]["path"]}

    async def shares_all(self, **wanted: Any) -> dict[str, Any]:
        """A link to both pictures and the clip."""
        return await self.shares(kind="selection", asset_ids=[*self.pictures, self.clip], **wanted)

    def addresses(self, link: dict[str, Any]) -> list[str]:
        """Every address that the link to both pictures and the clip gives."""
        path = link["path"]
        found = [path, f"{path}?after={self.pictures[0]}", f"{path}/part-1.zip"]
        for asset_id in (*self.pictures, self.clip):
            found += [f"{path}/{asset_id}", f"{path}/{asset_id}/report", f"{path}/{asset_id}/thumbnail.webp"]
        for asset_id in self.pictures:
            stem = f"{path}/{asset_id}/picture-{asset_id[-8:]}"
            found += [f"{path}/{asset_id}/1024.webp", f"{path}/{asset_id}/2048.webp"]
            found += [f"{stem}{ending}" for ending in (".png", ".png?download", ".jpg", ".jpg?download", ".webp")]
        clip = f"{path}/{self.clip}/clip-{self.clip[-8:]}.mp4"
        return [*found, clip, f"{clip}?download"]
