"""P4 and P12: the answer to COMMIT is lost on its way. Nobody knows what became of it until the same client_id asks."""

import asyncio
import uuid
from typing import Literal

import pytest

from tests.support import lines, proxy
from tests.support import product as products
from tests.support.proxy import Proxy
from tests.support.story import Refusal, sign_up

WORDS = "words whose commit nobody hears of"


class LostCommit(Proxy):
    """Cuts the line on which WORDS are written at its COMMIT: before Postgres hears of it, or before its answer."""

    cut: Literal["never", "before", "after"] = "never"

    def __init__(self, target: proxy.Target) -> None:
        super().__init__(target)
        self.cuts = 0
        self._failing: set[asyncio.StreamWriter] = set()

    async def _carry_there(
        self, reader: asyncio.StreamReader, there: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        has_words = False
        while piece := await reader.read(65536):
            # Another unit of work may come next on a line that was asked for the words in one statement first.
            has_words = WORDS.encode() in piece or (has_words and b"BEGIN" not in piece)
            if has_words and b"COMMIT" in piece and self.cut != "never":
                how, self.cut, self.cuts = self.cut, "never", self.cuts + 1
                if how == "before":
                    raise ConnectionResetError
                self._failing.add(back)
            there.write(piece)
            await there.drain()
        there.close()

    async def _carry_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            if writer in self._failing:
                raise ConnectionResetError
            writer.write(piece)
            await writer.drain()
        writer.close()


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_p4_p12_a_commit_that_nobody_hears_of_is_settled_by_the_same_client_id(database_url, tmp_path, moment):
    async with (
        proxy.running(LostCommit(lines.target_of(database_url))) as line,
        products.running(tmp_path, DATABASE_URL=lines.through(database_url, line.port)) as product,
    ):
        ada = await sign_up(product, "Ada")
        session = await ada.buys()
        chat, other = await ada.joins(session), await ada.joins(session)
        client_id = str(uuid.uuid4())
        line.cut = moment
        with pytest.raises(Refusal) as refusal:
            await chat.says(WORDS, client_id)
        assert (refusal.value.code, line.cuts) == ("busy", 1)
        if moment == "after":
            # It was stored, and the others see it by the poll.
            assert (await other.sees_text(WORDS))["client_id"] == client_id
        message = await chat.says(WORDS, client_id)
        assert (await other.sees_text(WORDS))["id"] == message["id"]
        stored = (await ada.call("GET", f"/sessions/{session['id']}/messages"))["messages"]
        assert [each["id"] for each in stored if each["text"] == WORDS] == [message["id"]]
        for each in (chat, other):
            await each.leaves()
