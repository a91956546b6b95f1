"""What the composer offers: the session's plan decides, and offered plans say what they would add."""

from chatserver.messages import composer
from chatserver.messages.composer import Composer
from chatserver.plans.models import Plan
from tests.web.test_page_templates import ADA, draw, plan, session

LITE = plan(id="lite", name="Flash Lite", max_size=512, max_count=1)
FLASH = plan(id="flash", name="Flash", max_size=768, max_count=2)
PRO = plan(id="pro", name="Pro", max_size=1024, max_count=4)


def prepared(own: Plan, *offered: Plan, viewer_id: str = ADA.id) -> Composer:
    return composer.prepare(session(), own, offered, viewer_id, can_improve=True)


def test_what_a_larger_plan_allows_is_shown_with_its_name() -> None:
    sizes = prepared(LITE, LITE, FLASH, PRO).sizes
    assert [(each.value, each.disabled, each.badge) for each in sizes] == [
        ("512", False, ""),
        ("768", True, "Flash"),
        ("1024", True, "Pro"),
    ]
    assert [each.value for each in sizes if each.checked] == ["512"]
    assert sizes[1].title == "Flash makes pictures of up to 768 pixels a side"


def test_a_plans_badge_stands_at_the_first_count_that_needs_it() -> None:
    counts = prepared(LITE, LITE, FLASH, PRO).counts
    assert [(each.value, each.plan, each.badge) for each in counts] == [
        ("1", "", ""),
        ("2", "Flash", "Flash"),
        ("3", "Pro", "Pro"),
        ("4", "Pro", ""),
    ]
    assert counts[3].title == "Pro makes up to 4 at once"


def test_a_count_that_no_offered_plan_allows_is_disabled_without_a_name() -> None:
    counts = prepared(FLASH, FLASH).counts
    assert [(each.disabled, each.plan, each.title) for each in counts[1:]] == [(False, "", ""), *[(True, "", "")] * 2]


def test_the_size_of_a_plan_that_was_withdrawn_can_still_be_chosen() -> None:
    sizes = prepared(PRO, LITE).sizes
    assert [(each.value, each.checked, each.disabled) for each in sizes] == [
        ("512", False, False),
        ("1024", True, False),
    ]


def test_only_the_owner_is_led_to_more_time() -> None:
    assert (prepared(LITE).add_time_url or "").startswith("/plans?session=")
    assert prepared(LITE, viewer_id="a guest").add_time_url is None


def test_the_template_draws_every_choice() -> None:
    text = draw("messages/_composer.html", composer=prepared(LITE, LITE, FLASH, PRO))
    assert text.count('type="radio"') == 8 + 7 + 3 + 4
    assert text.count(" disabled") == 2 * (2 + 3)
    assert '<option value="4" disabled>× 4 · Pro</option>' in text
    assert '<span class="badge">Flash</span>' in text
