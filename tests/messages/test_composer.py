"""What the composer offers: the session's plan decides, and offered plans say what they would add."""

from chatserver.messages import composer
from chatserver.messages.composer import Composer
from chatserver.plans.models import Plan
from chatserver.styles.models import Style
from tests.web.test_page_templates import ADA, draw, plan, session

STYLES = (Style(name="ink", before="ink drawing of"), Style(name="gouache", after="matte", digest="ab" * 16))
LITE = plan(id="lite", name="Flash Lite", max_size=512, max_count=1)
FLASH = plan(id="flash", name="Flash", max_size=768, max_count=2)
PRO = plan(id="pro", name="Pro", max_size=1024, max_count=4)


def prepared(own: Plan, *offered: Plan, viewer_id: str = ADA.id) -> Composer:
    return composer.prepare(
        session(),
        own,
        offered,
        viewer_id,
        can_improve=True,
        styles=STYLES,
        change_refusals={"variation": None, "edit": None},
    )


def test_what_a_larger_plan_allows_is_shown_with_its_name() -> None:
    sizes = prepared(LITE, LITE, FLASH, PRO).sizes
    assert [(each.value, each.disabled, each.plan) for each in sizes] == [
        ("512", False, ""),
        ("768", True, "Flash"),
        ("1024", True, "Pro"),
    ]
    assert [each.value for each in sizes if each.checked] == ["512"]
    assert [each.value for each in sizes if each.beyond_clips] == ["1024"]
    assert sizes[1].title == "Flash makes pictures of up to 768 pixels a side"


def test_a_count_names_the_first_plan_that_makes_as_many_at_once() -> None:
    counts = prepared(LITE, LITE, FLASH, PRO).counts
    assert [(each.chip, each.plan) for each in counts] == [("×1", ""), ("×2", "Flash"), ("×3", "Pro"), ("×4", "Pro")]
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


def test_the_owner_is_offered_the_first_plan_that_gives_more_of_a_kind() -> None:
    lite = plan(name="Flash Lite", image_credits_per_hour=3, video_credits_per_hour=0)
    flash = plan(name="Flash", image_credits_per_hour=8, video_credits_per_hour=0)
    pro = plan(name="Pro", image_credits_per_hour=15, video_credits_per_hour=2)
    offers = prepared(lite, lite, flash, pro).offers
    assert offers == (("image", "Flash gives 8 an hour"), ("video", "Pro gives 2 an hour"))
    assert prepared(pro, lite, flash, pro).offers == ()


def test_only_the_owner_is_led_to_the_plans() -> None:
    assert (prepared(LITE).plans_url or "").startswith("/plans?session=")
    guest = prepared(LITE, LITE, FLASH, viewer_id="a guest")
    assert (guest.plans_url, guest.offers) == (None, ())


def test_the_template_draws_every_choice_and_sells_what_the_plan_lacks() -> None:
    text = draw("messages/_composer.html", composer=prepared(LITE, LITE, FLASH, PRO))
    assert text.count('type="radio"') == 3 + 7 + 1 + 1
    assert text.count('class="choice choice--sold" href="/plans?session=') == 2 + 3
    assert text.count("disabled") == 0
    assert "Only the owner" not in text


def test_to_a_guest_they_are_shown_and_lead_nowhere() -> None:
    text = draw("messages/_composer.html", composer=prepared(LITE, LITE, FLASH, PRO, viewer_id="a guest"))
    assert text.count(" disabled") == 2 + 3
    assert text.count('<span class="badge">Pro</span>') == 1 + 2
    assert "/plans" not in text
    assert text.count("Only the owner of this session can switch to a larger plan.") == 2
    whole = draw("messages/_composer.html", composer=prepared(PRO, PRO, viewer_id="a guest"))
    assert "Only the owner" not in whole


def test_a_style_of_the_operators_shows_its_own_sample() -> None:
    none, ink, gouache = prepared(LITE).styles
    assert (none.value, none.checked, ink.label, gouache.label) == ("", True, "Ink", "Gouache")
    text = draw("messages/_composer.html", composer=prepared(LITE))
    assert f'src="/style-samples/{"ab" * 16}.webp"' in text
    assert "styles/ink.webp" in text
