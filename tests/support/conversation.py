"""People who talk in one session while something is done to the machines; afterwards they must all agree."""

import asyncio
import contextlib
import random

from tests.support.story import sign_up
from tests.support.tab import Tab


async def say_until(tab, stopped, said):
    """One person who goes on talking; `said` gets what was answered ok."""
    number = 0
    while not stopped.is_set():
        text = f"{tab.person.name} {number}"
        await tab.says(text)
        said.append(text)
        number += 1
        await asyncio.sleep(random.uniform(0.4, 0.8))


@contextlib.asynccontextmanager
async def talking(cluster, names):
    """People in one session, each with a tab, talking for the length of the block; then what all promises ask of them."""
    nodes = lambda: list(cluster.web)  # noqa: E731
    people = [await sign_up(cluster.web[0], name) for name in names]
    session = await people[0].buys("pro")
    code = await people[0].invites(session)
    for guest in people[1:]:
        await guest.accepts(code)
    tabs = [Tab(person, session["id"], nodes, first=index) for index, person in enumerate(people)]
    stopped, said = asyncio.Event(), [[] for _ in tabs]
    talks = [asyncio.create_task(say_until(tab, stopped, own)) for tab, own in zip(tabs, said, strict=True)]
    try:
        yield tabs, said
        stopped.set()
        async with asyncio.timeout(30):
            await asyncio.gather(*talks)
        await agree(tabs, said, people[0], session)
    finally:
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        for tab in tabs:
            await tab.leaves()


async def agree(tabs, said, owner, session):
    """Every ok is there once, everybody applied one order without a repetition, and ends with the same messages."""
    everything = sorted(text for own in said for text in own)
    for tab in tabs:
        await tab.shows(lambda message: True)
        async with asyncio.timeout(15):
            while sorted(text for text in tab.texts() if text in set(everything)) != everything:
                await asyncio.sleep(0.05)
        assert tab.seqs == sorted(set(tab.seqs))
        assert len(tab.texts()) == len(set(tab.texts()))
    texts = [message["text"] for message in await stored(owner, session) if message["author"]["kind"] == "user"]
    assert sorted(texts) == everything
    for own in said:
        assert [text for text in texts if text in set(own)] == own


async def stored(person, session):
    """Every message of a session, the oldest first, however many were written."""
    messages, before = [], ""
    while page := (await person.call("GET", f"/sessions/{session['id']}/messages?limit=200{before}"))["messages"]:
        messages = page + messages
        before = f"&before={min(message['seq'] for message in page)}"
    return messages
