"""What a picture came from and led to, for who may see it; and which changes are on offer."""

import re

import pytest

from chatserver import ids
from chatserver.errors import NotFound
from chatserver.generations import sources
from chatserver.generations.model_choice import enlarging
from chatserver.messages import composer
from tests.generations.test_service import ask, bring_to, done_asset
from tests.support.people import make_session, make_user, run_sql
from tests.web.test_page_templates import ADA, draw, plan, session


class Provider:
    """Makes pictures, and these changes to them."""

    name = label = "p"
    redraws = False

    def __init__(self, *changes):
        self.changes = changes

    def supports(self, kind, change=None):
        return kind == "image" and (change is None or change in self.changes)

    def model(self, kind, change=None):
        return "m"


async def made_from(database, user, session_id, source):
    message = await ask(database, user, session_id, source_asset_id=source, change="edit")
    await bring_to(database, message.generations[0], "done")
    rows = await run_sql(database, "SELECT id FROM assets WHERE generation_id = $1::uuid", message.generations[0].id)
    return str(rows[0]["id"])


async def test_source_and_results_know_each_other_as_far_as_one_may_see_them(database):
    ada, bob, eve = [await make_user(database, name) for name in ("Ada", "Bob", "Eve")]
    own = await make_session(database, ada)
    shared = await make_session(database, ada, guests=(bob,))
    source = await done_asset(database, ada, own)
    here, there = [await made_from(database, ada, each, source) for each in (own, shared)]

    async def details(user, asset):
        return await database.run_as(user, sources.details, asset)

    of_source = await details(ada, source)
    assert (of_source.source, [each.id for each in of_source.results]) == (None, [there, here])
    assert of_source.session_id == own
    assert (await details(ada, there)).source.id == source
    assert (await details(ada, there)).generation.change == "edit"
    # Bob sees the result in the session that he shares, and neither its source nor what else came of it.
    assert (await details(bob, there)).source is None
    for user, asset in ((bob, source), (bob, here), (eve, there), (ada, ids.new())):
        with pytest.raises(NotFound):
            await details(user, asset)


async def test_the_newest_results_come_first(database):
    ada = await make_user(database, "Ada")
    own = await make_session(database, ada, "pro")
    source = await done_asset(database, ada, own)
    made = [await made_from(database, ada, own, source) for _ in range(3)]
    found = await database.run_as(ada, sources.details, source)
    assert [each.id for each in found.results] == made[::-1]


@pytest.mark.parametrize(
    ("changes", "offered", "refused"),
    [
        (("variation", "edit"), True, {}),
        (("variation",), True, {"edit": "takes no instructions about a picture"}),
        ((), False, {"variation": "cannot start from a picture", "edit": "takes no instructions about a picture"}),
    ],
)
def test_what_no_provider_can_do_is_not_offered_and_its_reason_is_the_tooltip(changes, offered, refused):
    refusals = sources.refusals({"p": Provider(*changes)})
    prepared = composer.prepare(session(), plan(), [plan()], ADA.id, can_improve=False, change_refusals=refusals)
    drawn = draw("messages/_composer.html", composer=prepared)
    assert ('popovertarget="setting-source"' in drawn) is offered
    assert ('title="The model that makes pictures here cannot start from a picture."' in drawn) is not offered
    menu = draw("generations/_menu.html", composer=prepared, enlarging=enlarging({}))
    viewer = draw("generations/_viewer.html", composer=prepared, enlarging=enlarging({}))
    for page in (menu, viewer):
        # A picture is changed by either.
        for change in ("variation", "change"):
            [button] = re.findall(rf'<button[^>]*data-use="{change}"[^>]*>', page)
            assert ('aria-disabled="true"' in button) is not offered
        assert refused.get("variation", "") in page
    editor = draw("generations/_editor.html", composer=prepared)
    for change in ("variation", "edit"):
        [radio] = re.findall(rf'<input type="radio" name="change" value="{change}"[^>]*>', editor)
        assert (" disabled" in radio) is (change in refused)
    assert all(words in editor for words in refused.values())
