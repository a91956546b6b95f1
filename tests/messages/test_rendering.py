"""What the browsers of a session get: fragments in every state, the same for everybody, and harmless whatever is in them."""

from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from chatserver import config
from chatserver.credits.events import CreditsChanged
from chatserver.generations.models import Stage
from chatserver.markdown import parser
from chatserver.messages import rendering
from chatserver.messages.events import MessageChanged, ReplyEnded, SentBlocks
from chatserver.messages.models import Author, Message
from chatserver.messages.rendering import Drawing
from chatserver.web import templating
from chatserver.web.site import Site
from tests.support import samples

STATUSES = ("queued", "model-loading", "rendering", "done", "failed", "cancelled")
PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) '",
    "</textarea></template><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe",
)


@pytest.fixture(scope="module")
def site() -> Site:
    return templating.open_site(config.load({}), "secret")


def test_once_they_are_loaded_no_message_has_templates_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = templating.open_site(config.load({}), "secret")
    drawing = Drawing(fresh)
    drawing.load_templates()
    monkeypatch.setattr(fresh.environment, "compile", None)
    for message in (rendering.pending().text, rendering.pending().image):
        assert drawing.draw(message, 1).html


class Page(HTMLParser):
    """The elements of a fragment, and whatever in it could run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in {"img", "input", "br", "hr", "circle", "rect", "use"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag, f"{tag} is closed out of order"

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def dangers(self) -> list[Any]:
        return [
            (tag, attributes)
            for tag, attributes in self.tags
            if tag in {"script", "style", "iframe", "object"}
            or any(name.startswith("on") or name == "style" for name in attributes)
            or any((attributes.get(name) or "").startswith("javascript:") for name in ("href", "src"))
        ]


def draw(site: Site, message: Message) -> Page:
    page = Page(Drawing(site).draw(message, message.seq).html)
    assert page.open == [], "every element is closed"
    return page


@pytest.mark.parametrize("kind", ["image", "video"])
@pytest.mark.parametrize("status", STATUSES)
def test_a_generation_is_drawn_in_every_status(site: Site, status: str, kind: str) -> None:
    assets = ((samples.clip() if kind == "video" else samples.asset()),) if status == "done" else ()
    generation = samples.generation(status, kind=kind, assets=assets)
    page = draw(site, samples.pictures(generation))
    [tile] = [attributes for tag, attributes in page.tags if tag == "generation-card"]
    assert tile["id"] == f"generation_{generation.id}"
    assert tile["data-status"] == status
    assert ("Cancel" in page.text.split()) == (status in {"queued", "model-loading", "rendering"})
    assert ("Download" in page.text) == (status == "done")


@pytest.mark.parametrize("status", ["streaming", "done", "failed", "deleted"])
def test_a_message_is_drawn_in_every_status(site: Site, status: str) -> None:
    message = samples.message("Some words", status=status, author=samples.ASSISTANT)
    page = draw(site, message)
    assert page.tags[0][1]["id"] == f"message_{message.id}"
    assert ("Some words" in page.text) == (status != "deleted")


def test_what_is_alike_in_all_messages_stands_in_a_template_of_the_page(site: Site) -> None:
    texts = [
        samples.message("Some words", status=status, author=author, withheld=withheld)
        for status in ("streaming", "done", "failed", "deleted")
        for author in (samples.author(), samples.ASSISTANT, samples.author(kind="system"))
        for withheld in (None, "Not here.")
    ]
    made = [samples.pictures(samples.generation(status)) for status in STATUSES]
    clip = samples.pictures(samples.generation("done", kind="video", assets=(samples.clip(),)))
    drawn = [draw(site, message) for message in (*texts, *made, clip)]
    page = Page(templating.draw(site, "sessions/_placeholders.html", pending=rendering.pending()))
    templates = {attributes["id"] for tag, attributes in page.tags if tag == "template"}
    named = {
        attributes["data-completed-by"]
        for each in (*drawn, page)
        for _, attributes in each.tags
        if "data-completed-by" in attributes
    }
    assert named <= templates
    assert {each for each in templates if each and each.startswith(("tools_", "tile_"))} <= named
    for each in drawn:
        actions = {attributes.get("data-action") for _, attributes in each.tags}
        assert not actions & {"delete", "report", "copy-text", "copy-link", "undo", "favorite", "menu", "stop"}


@pytest.mark.parametrize("author", [samples.author(), samples.ASSISTANT], ids=lambda author: author.kind)
@pytest.mark.parametrize("status", ["streaming", "done"])
def test_a_drawn_message_takes_little_besides_its_words(site: Site, status: str, author: Author) -> None:
    drawn = Drawing(site).draw(samples.message("Hello", status=status, author=author), 1)
    assert len(drawn.html) < 1_300


def test_an_ended_reply_is_drawn_without_the_blocks_that_pages_have(site: Site) -> None:
    message = samples.message("One\n\nTwo", author=samples.ASSISTANT, html="<p>One</p>\n<p>Two</p>\n")
    event = ReplyEnded(seq=2, message=message, sent=SentBlocks(closed=5, length=11))
    drawn = msgspec.json.decode(Drawing(site).encode(event))
    assert drawn["before"] == 5
    assert "<p>Two</p>" in drawn["html"]
    assert "One" not in drawn["html"]
    assert event.for_programs() == MessageChanged(seq=2, message=message)


def test_a_failure_says_what_happened_that_the_credit_is_back_what_to_do_and_a_code(site: Site) -> None:
    page = draw(site, samples.pictures(samples.generation("failed")))
    for words in ("cannot be reached", "1 credit returned", "Try again", "provider-down"):
        assert words in page.text


def test_a_finished_picture_carries_its_download_links(site: Site) -> None:
    asset = samples.asset()
    page = draw(site, samples.pictures(samples.generation("done", assets=(asset,))))
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    stem = asset.url.removesuffix(".png")
    everything = [asset.download_url, f"{stem}.webp?download", f"{stem}.jpg?download"]
    assert links == [asset.url, *everything, asset.download_url]
    assert "Download PNG · 768 × 512 · 1.2 MB" in " ".join(page.text.split())


def test_a_streaming_reply_shows_its_open_end_plain_and_says_where_it_begins(site: Site) -> None:
    message = samples.message("Hi 🌄!\n\nAnd **then**", status="streaming", html="<p>Hi 🌄!</p>", closed=8, shown=8)
    page = draw(site, message)
    [tail] = [attributes for _, attributes in page.tags if "data-tail" in attributes]
    assert tail["data-offset"] == "8"
    assert page.text.count("And **then**") == 1


def test_versions_stand_in_one_stack_newest_first_whatever_they_are_versions_of(site: Site) -> None:
    first, other = samples.generation("done"), samples.generation("done", number=2)
    second = samples.generation("done", number=3, parent_id=first.id)
    third = samples.generation("queued", number=4, parent_id=second.id)
    message = samples.pictures(first, other, second, third)
    assert [[each.number for each in stack.generations] for stack in message.stacks] == [[4, 3, 1], [2]]
    page = draw(site, message)
    assert [attributes["id"] for tag, attributes in page.tags if tag == "generation-stack"] == [
        f"stack_{first.id}",
        f"stack_{other.id}",
    ]
    assert len([tag for tag, attributes in page.tags if "data-version" in attributes]) == 3


def test_what_ended_without_a_picture_is_a_line_and_no_version(site: Site) -> None:
    done, lost = samples.generation("done", assets=(samples.asset(),)), samples.generation("failed", number=2)
    again = samples.generation("queued", number=3, parent_id=lost.id)
    page = draw(site, samples.pictures(done, lost, again))
    assert f"generation_{lost.id}" not in str(page.tags)
    assert not [tag for tag, attributes in page.tags if "data-version" in attributes]
    late = samples.generation("cancelled", number=4, parent_id=done.id)
    page = draw(site, samples.pictures(done, late))
    cards = [attributes["data-status"] for tag, attributes in page.tags if tag == "generation-card"]
    assert cards == ["done", "cancelled"]
    assert not [tag for tag, attributes in page.tags if "data-collapsed" in attributes]
    assert not [tag for tag, attributes in page.tags if "data-version" in attributes]
    page = draw(site, samples.pictures(lost))
    assert [tag for tag, attributes in page.tags if "data-collapsed" in attributes] == ["generation-stack"]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_whatever_people_write_stays_text(site: Site, payload: str) -> None:
    author = samples.author(payload)
    asset = samples.asset(filename=payload, url=f"/files/x/{payload}", download_url=f"/files/x/{payload}?download")
    done = samples.generation(
        "done", prompt=payload, negative_prompt=payload, style=payload, model=payload, assets=(asset,)
    )
    failed = samples.generation("failed", number=2, prompt=payload, error=samples.fault(code=payload, message=payload))
    for message in (
        samples.message(payload, author=author, html=parser.render(payload), client_id=payload),
        samples.message(payload, author=author, html="", status="streaming"),
        samples.pictures(done, failed, author=author),
    ):
        page = draw(site, message)
        assert page.dangers == []
        assert payload in page.text or payload in str(page.tags)


def test_a_changed_message_travels_drawn_with_its_target(site: Site) -> None:
    message = samples.message("Hello", seq=7)
    event = msgspec.json.decode(Drawing(site).encode(MessageChanged(seq=7, message=message)))
    assert event.keys() == {"type", "seq", "target", "html"}
    assert (event["type"], event["seq"], event["target"]) == ("message", 7, f"message_{message.id}")
    assert event["html"] in templating.draw(site, "messages/_page.html", page=_page(message))


def test_events_that_change_numbers_stay_numbers(site: Site) -> None:
    event = CreditsChanged.of(samples.session().credits)
    assert Drawing(site).encode(event) == msgspec.json.encode(event)


def test_stage_numbers_are_drawn_only_where_they_are_known(site: Site) -> None:
    [bare] = [a for tag, a in draw(site, samples.pictures(samples.generation())).tags if tag == "generation-card"]
    assert not bare.keys() & {"data-position", "data-eta", "data-fraction", "data-step", "data-steps"}
    stage = Stage(attempt=1, fraction=0.5, step=15, steps=30, eta_seconds=9.0)
    rendering = samples.generation("rendering", stage=stage)
    [known] = [a for tag, a in draw(site, samples.pictures(rendering)).tags if tag == "generation-card"]
    assert (known["data-fraction"], known["data-step"], known["data-steps"], known["data-eta"]) == (
        "0.5",
        "15",
        "30",
        "9.0",
    )


def test_placeholders_are_drawn_for_all_that_can_be_pending(site: Site) -> None:
    pending = rendering.pending()
    for message in (pending.text, pending.image, pending.video):
        assert draw(site, message).tags[0][1]["id"] == "message_pending"


class _Page(msgspec.Struct):
    messages: list[Message]
    before: int | None = None


def _page(*messages: Message) -> _Page:
    return _Page(list(messages))
