"""Every page in every state draws: a name that a template does not have is an error, not an empty place."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.requests import Request

from chatserver import ids
from chatserver import plans as all_plans
from chatserver.assets.models import Asset
from chatserver.config import Config
from chatserver.credits.models import Balance, Balances
from chatserver.errors import Busy, Invalid
from chatserver.generations import examples
from chatserver.generations.models import ENDED, Generation, GenerationFault, Stage
from chatserver.generations.pages import Filters
from chatserver.identity.viewer import Viewer
from chatserver.plans.models import Plan, Price
from chatserver.runtime import clock, paths
from chatserver.sessions.models import Card, Cover, Invitation, Member, Session
from chatserver.web import filters, forms, templating

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
ADA = Viewer(id=ids.new(), name="Ada", role="member", via="cookie", credential_id=ids.new())
NASTY = '<script>alert("x")</script>'
SITE = templating.open_site(Config(site_name="Atelier"), "a test's key")


def draw(template: str, viewer: Viewer | None = ADA, **context: Any) -> str:
    app = Starlette()
    app.state.site = SITE
    state = {"viewer": viewer, "request_id": "0123456789ab"}
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "query_string": b"",
        "app": app,
        "state": state,
    }
    return bytes(templating.render(Request(scope), template, context).body).decode()


def plan(**changed: Any) -> Plan:
    values = {
        "id": "flash",
        "name": "Flash",
        "price": Price(49, "INR"),
        "minutes": 120,
        "max_size": 768,
        "max_count": 2,
    }
    return Plan(**{**values, "image_credits_per_hour": 8, "video_credits_per_hour": 1, **changed})


def session(**changed: Any) -> Session:
    balance = Balance(limit=8, left=5, held=1, next_at=NOW)
    values = {
        "id": ids.new(),
        "title": NASTY,
        "plan_id": "flash",
        "status": "active",
        "started_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "seq": 1,
        "owner_id": ADA.id,
        "guests_may_generate": False,
        "members": (Member(id=ADA.id, name="Ada", role="owner", hue=0),),
        "credits": Balances(image=balance, video=balance),
    }
    return Session(**{**values, **changed})


def generation(status: str, kind: str = "image") -> Generation:
    asset = Asset(
        id=ids.new(),
        kind="image",
        content_type="image/png",
        width=768,
        height=512,
        bytes=1_200_000,
        sha256="",
        filename="x.png",
        url="/files/1/x.png",
        download_url="/files/1/x.png?download",
        thumbnail_url="/files/1/thumbnail.webp",
        placeholder="",
        favorite=False,
    )
    fault = GenerationFault(code="timed-out", message=NASTY, credit_returned=True)
    return Generation(
        id=ids.new(),
        message_id=ids.new(),
        kind=kind,
        number=1,
        status=status,
        stage=Stage(attempt=1),
        prompt=NASTY,
        negative_prompt=None,
        style=None,
        seed=7,
        width=768,
        height=512,
        steps=None,
        guidance=None,
        source_asset_id=None,
        change=None,
        strength=None,
        masked=False,
        enlargement=None,
        style_before=None,
        style_after=None,
        style_without=None,
        model="Sketch (built in)",
        provider="sketch",
        error=fault if status == "failed" else None,
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=14) if status in ENDED else None,
        parent_id=None,
        assets=(asset,) if status == "done" else (),
    )


START = {"checkout": ("instant",), "examples": examples, "start_id": ids.new(), "origin": "https://atelier.example.org"}
LITE = {"id": "lite", "name": "Lite", "image_credits_per_hour": 1, "max_count": 1, "minutes": 60}


def offers(*plans: Plan, default: str = "") -> list[all_plans.Offer]:
    return all_plans.offers(plans, default)


def landing(**changed: Any) -> str:
    return draw("sessions/landing.html", None, **{**START, "offers": offers(plan(), plan(**LITE)), **changed})


def test_the_landing_has_one_call_and_a_button_on_each_card() -> None:
    page = landing()
    assert page.count("button--large") == 1
    assert 'action="/start"' in page
    assert 'href="/start?plan=flash"' in page
    assert 'href="/start?plan=lite"' in page
    words = Markup(page).striptags()
    assert "8 pictures an hour" in words
    assert "1 picture an hour" in words
    assert "About 16 pictures in 2 h." in words
    assert 'action="/start"' in landing(offers=[])


def test_the_landing_shows_every_example_and_its_prompt_in_its_size() -> None:
    page = landing()
    for example in examples.EXAMPLES:
        assert SITE.statics.url(example.file) in page
        assert example.prompt in page
    assert page.count(f'width="{examples.WIDTH}" height="{examples.HEIGHT}"') == len(examples.EXAMPLES)
    assert page.count('loading="lazy"') >= len(examples.EXAMPLES) - 4


def test_the_landing_says_what_it_is_where_it_is_shared() -> None:
    page = landing()
    assert f'property="og:image" content="https://atelier.example.org{SITE.statics.url(examples.SHARED)}"' in page
    assert 'property="og:description" content="Say what you want to see' in page
    assert "og:" not in draw("sessions/plans.html", None, offers=[], checkout="instant", extended=None)


def test_one_plan_is_marked_and_its_button_stands_out() -> None:
    page = landing(offers=offers(plan(), plan(**LITE), default="lite"))
    assert page.count("A good start") == 1
    assert re.search(r"Lite <span.*A good start", page)
    assert page.count("button--accent button--wide") == 1
    assert "A good start" not in landing(offers=offers(plan()))


def test_the_rows_in_which_plans_differ_are_marked() -> None:
    found = re.findall(r"<li( data-differs)?><svg.*?</svg><span>(.*?)</span></li>", landing())
    rows = [(mark, Markup(words).striptags()) for mark, words in found]
    differing = {words for mark, words in rows if mark}
    assert differing == {"8 pictures an hour", "1 picture an hour", "up to 2 at once", "one at a time"}
    assert {words for mark, words in rows if not mark} == {
        "1 clip an hour",
        "up to 768 × 768",
        "20 uploads",
        "assistant included",
    }


@pytest.mark.parametrize("viewer", [None, ADA])
def test_where_nothing_is_to_pay_the_price_is_struck(viewer: Viewer | None) -> None:
    page = draw("sessions/plans.html", viewer, offers=offers(plan()), checkout="instant", extended=None)
    assert re.search(r"<s>.*₹49</s> <strong>free on this server</strong>", page)
    assert " each." not in page
    assert 'class="notice"' not in page
    assert ('action="/sessions"' in page) == (viewer is not None)
    assert ('href="/start?plan=flash"' in page) == (viewer is None)


def test_what_is_to_pay_says_what_a_picture_costs() -> None:
    page = draw(
        "sessions/plans.html", offers=offers(plan(), plan(price=Price(0, "INR"))), checkout=("manual",), extended=None
    )
    assert "<strong>₹49</strong>" in page
    assert "About 16 pictures in 2 h, ₹3.06 each." in page
    assert "<strong>Free</strong>" in page
    assert "<s>" not in page


def test_plans_that_only_the_operator_grants_have_no_button() -> None:
    page = draw("sessions/plans.html", offers=offers(plan()), checkout=("manual",), extended=None)
    assert "granted by hand" in page
    assert 'action="/sessions"' not in page


def test_more_time_names_its_session() -> None:
    extended = session()
    page = draw("sessions/plans.html", offers=offers(plan()), checkout="instant", extended=extended)
    assert f'name="session_id" value="{extended.id}"' in page
    assert NASTY not in page


def test_there_may_be_no_plan() -> None:
    assert "No plans yet" in draw("sessions/plans.html", offers=[], checkout="instant", extended=None)


def test_sessions_show_covers_time_and_credits() -> None:
    covers = (Cover("/files/1/thumbnail.webp"), Cover("/files/2/thumbnail.webp"))
    ended = session(status="expired", plan_id="gone", owner_id="another")
    page = draw(
        "sessions/index.html",
        cards=[Card(session(), covers), Card(ended, ())],
        older=None,
        plan_names={"flash": "Flash"},
        **START,
    )
    assert page.count("thumbnail.webp") == 2
    assert "5 of 8 pictures left" in page
    assert "guest" in page
    assert "Ended" in page
    assert NASTY not in page


def test_without_a_session_the_page_says_what_to_do_first() -> None:
    page = draw("sessions/index.html", cards=[], older=None, plan_names={}, **START)
    assert "No session yet" in page
    assert 'action="/start"' in page
    assert 'action="/start"' not in draw(
        "sessions/index.html", cards=[], older=None, plan_names={}, **START | {"checkout": ("manual",)}
    )


@pytest.mark.parametrize("viewer", [None, ADA])
@pytest.mark.parametrize("expired", [False, True])
def test_an_invitation_names_who_invites(viewer: Viewer | None, expired: bool) -> None:
    invited = Invitation(
        session_id=ids.new(), title=NASTY, owner_name="Grace", owner_hue=7, plan_name="Flash", expired=expired
    )
    shown = {
        "invitation": invited,
        "code": "c0de",
        "form": forms.Form(),
        "has_account": False,
        "by_name": False,
        "policy": "open",
    }
    page = draw("sessions/invite.html", viewer, **shown)
    assert "Grace invites you" in page
    assert 'avatar--large" data-hue="7"' in page
    assert 'action="/invite/c0de"' in page
    assert ('name="email"' in page) == (viewer is None)
    assert NASTY not in page


def test_an_invitation_that_is_gone_says_so() -> None:
    assert "no longer works" in draw("sessions/invite_gone.html", None)


@pytest.mark.parametrize("status", ["queued", "model-loading", "rendering", "done", "failed", "cancelled"])
@pytest.mark.parametrize("kind", ["image", "video"])
def test_the_history_shows_every_status(status: str, kind: str) -> None:
    shown = {"filters": Filters(), "next": None, "first": True, "batches": [[generation(status, kind)]]}
    page = draw("generations/history.html", **shown)
    assert f'data-status="{status}"' in page
    assert ("The credit came back." in page) == (status == "failed")
    assert NASTY not in page


def test_an_empty_history_differs_from_one_without_a_match() -> None:
    shown = {"batches": [], "next": None, "first": True}
    assert "Nothing made yet" in draw("generations/history.html", filters=Filters(), **shown)
    assert "No match" in draw("generations/history.html", filters=Filters(q="x"), **shown)
    assert "No favourites yet" in draw("generations/history.html", filters=Filters(favorite="true"), **shown)
    assert "No match" in draw("generations/history.html", filters=Filters(favorite="true", q="x"), **shown)


def test_filters_keep_each_other() -> None:
    assert Filters(kind="image", q="a b").link(status="done") == "/history?kind=image&status=done&q=a+b"
    assert Filters(kind="image").link(kind="") == "/history"


@pytest.mark.parametrize("viewer", [None, ADA])
def test_an_error_offers_a_way_out(viewer: Viewer | None) -> None:
    asked = {"request_id": "abc", "sign_in": "", "back": "", "is_identified": True}
    page = draw("errors/error.html", viewer, error=Busy(retry_after=2), title="One moment", **asked)
    assert "in 2 s" in Markup(page).striptags()
    assert "Try again" in page
    # Not to the address that takes the form, where there is no page.
    page = draw("errors/error.html", viewer, error=Busy(), title="One moment", **asked | {"back": "/settings"})
    assert 'href="/settings"' in page
    assert "Try again" not in page
    page = draw("errors/error.html", viewer, error=Invalid(NASTY), title="Not right", **asked)
    assert NASTY not in page


def test_the_offline_page_names_nobody() -> None:
    assert "Ada" not in draw("shell/offline.html")


def test_fields_show_what_was_typed_but_never_a_password() -> None:
    form = forms.Form({"email": NASTY, "password": "pass-word"})
    form.with_error(Invalid.field("email", "must be an address"))
    macros = SITE.environment.get_template("layouts/_fields.html").module
    email = macros.field(form, "email", "E-mail", type="email")
    password = macros.field(form, "password", "Password", type="password")
    assert 'aria-invalid="true"' in email
    assert 'aria-describedby="error-email"' in email
    assert NASTY not in email
    assert "pass-word" not in password


# How values are written -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "text"),
    [((49, "INR"), "₹49"), ((9.5, "USD"), "$9.50"), ((0, "EUR"), "Free"), ((12345, "XAU"), "12,345 XAU")],
)
def test_prices_are_read_everywhere(price: tuple[float, str], text: str) -> None:
    assert filters.price(Price(*price)) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1200, "1.2 kB"), (1_234_567, "1.2 MB"), (3e9, "3.0 GB")]
)
def test_sizes_are_read_in_their_unit(count: int, text: str) -> None:
    assert filters.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.24, "1.2 s"),
        (3, "3 s"),
        (45, "45 s"),
        (60, "1 min"),
        (5400, "1 h 30 min"),
        (7200, "2 h"),
        (86_400, "24 h"),
        (2 * 86_400, "2 days"),
        (365 * 86_400, "365 days"),
        (53 * 3600, "2 days 5 h"),
    ],
)
def test_spans_are_read_in_two_units_at_most(seconds: float, text: str) -> None:
    assert filters.duration(seconds) == text


def test_times_are_utc_for_machines_and_readable_without_scripts() -> None:
    shown = filters.time(NOW.astimezone(), "datetime")
    assert '<time datetime="2026-11-22T19:00:00Z">22 November 2026, 19:00 UTC</time>' in shown


@pytest.mark.parametrize(
    ("style", "seconds", "words"),
    [
        ("relative", 0, "now"),
        ("relative", -59, "now"),
        ("relative", -61, "1 min ago"),
        ("relative", -2 * 3600, "2 hr ago"),
        ("relative", -86400, "yesterday"),
        ("relative", 3 * 86400, "in 3 days"),
        ("left", 1, "1 min left"),
        ("left", 3600, "1 h left"),
        ("left", 72 * 60, "1 h 12 min left"),
        ("left", 47 * 3600, "47 h left"),
        ("left", 30 * 86400 - 1, "30 days left"),
        ("left", 30 * 86400 - 60, "29 days 23 h left"),
        ("left", -1, "time is up"),
    ],
)
def test_what_counts_from_now_is_as_long_as_a_browser_will_write_it(
    monkeypatch, style: filters.TimeFormat, seconds: int, words: str
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    assert f">{words}</time>" in filters.time(NOW + timedelta(seconds=seconds), style)


def test_ids_of_nodes_have_one_author() -> None:
    made = generation("done")
    assert templating.dom_id(made) == f"generation_{made.id}"
    assert templating.dom_id(session(), "card").startswith("card_session_")


def test_what_is_pressed_in_a_page_that_follows_changes_stays_itself_when_rows_come_and_go() -> None:
    """Rows without an id are changed into each other: a press, or what is being typed, would be about another one."""
    folder = paths.TEMPLATES
    pages = [path for path in (folder / "admin").glob("*.html") if "set live_parts" in path.read_text()]
    assert len(pages) >= 4
    for page in pages:
        included = re.findall(r'{% include "([^"]+)" %}', page.read_text())
        for path in [page, *(folder / each for each in included)]:
            rows = re.findall(r"{% for [^%]+%}\s*(?:{% set [^%]+%}\s*)*<(?:tr|li)[^>]*>", path.read_text())
            assert [row for row in rows if " id=" not in row] == [], path.name


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("At most 10 MB.", ["10 MB"]),
        ("2,000 characters too many & 99.00 INR", ["2,000 characters", "99.00 INR"]),
        ("2 is the most, 1 to 100, or 50 %", ["50 %"]),
        ("1024 × 768 pixels, or 512 × 512", ["1024 × 768 pixels", "512 × 512"]),
        ("in 1 h 5 min", ["1 h", "5 min"]),
        ("It's flux1 schnell's turn", []),
    ],
)
def test_no_line_ends_between_a_number_and_its_unit_and_the_words_stay_as_they_are(text: str, held: list[str]) -> None:
    shown = filters.with_units(text)
    assert re.findall(r'<span class="nowrap">(.*?)</span>', shown) == held
    assert shown.striptags() == text


def test_errors_of_forms_and_limits_hold_numbers_and_units_together() -> None:
    form = forms.Form({"code": "x"}).with_error(Invalid("At most 25 MB.", details={"field": "code"}))
    drawn = SITE.environment.from_string(
        '{% from "layouts/_fields.html" import field %}{{ field(form, "code", "Code", hint="10 characters") }}'
    ).render(form=form)
    assert re.findall(r'<span class="nowrap">(.*?)</span>', drawn) == ["25 MB", "10 characters"]
    assert '<span class="nowrap">1 clip</span> an hour' in landing()
