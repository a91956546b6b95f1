"""What a press does is settled by the control on which it began, whatever moves or appears under the pointer meanwhile. The
controls stand on an empty page, which the real mouse and fingers press."""

import time
from typing import Any

import pytest

pytestmark = pytest.mark.browser

# Each thing pressed notes its id in `pressed`. `first` is above `second`; `over` covers it once it is shown.
PAGE = """async () => {
  const { keepPresses } = await import("/static/any/js/helpers/steady_presses.js")
  keepPresses()
  const html = `<button id="first" type="button">First</button><a id="second" href="#second">Second</a>
    <button id="over" type="button" hidden>Over</button>
    <form><button id="send">Send</button></form>
    <button id="before" type="button" data-action="show-version">Before</button>
    <dialog><textarea id="words"></textarea></dialog>
    <div id="sheet" popover><button id="inside" type="button">Inside</button></div>`
  document.body.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes)
  window.pressed = []
  const place = (id, top) => {
    const { style } = document.getElementById(id)
    Object.assign(style, { position: "fixed", top, left: "20px", width: "120px", height: "40px" })
  }
  for (const [id, top] of [["first", "20px"], ["second", "120px"], ["over", "20px"], ["send", "220px"]]) place(id, top)
  place("before", "320px")
  Object.assign(document.querySelector("dialog").style, { padding: "40px", width: "300px" })
  window.place = place
  const dimmed = new CSSStyleSheet()
  dimmed.replaceSync("#sheet { position: fixed; inset: 500px auto auto 0 } #sheet.dims::backdrop { background: gray }")
  document.adoptedStyleSheets = [dimmed]
  addEventListener("submit", (event) => event.preventDefault())
  for (const type of ["click", "dblclick"]) {
    addEventListener(type, (event) => {
      const { target, detail, ctrlKey } = event
      if (target.localName === "a") event.preventDefault()
      const how = [type === "dblclick" && "twice", ctrlKey && "Ctrl"]
      pressed.push([target.id || target.localName, ...how].filter(Boolean).join(" "))
    })
  }
}"""
FIRST, SECOND, SEND, BEFORE = (80, 40), (80, 140), (80, 240), (80, 340)


@pytest.fixture
async def page(product, browser):
    context = await browser.new_context(has_touch=True)
    opened = await context.new_page()
    await opened.goto(f"{product.url}/offline")
    await opened.evaluate(PAGE)
    yield opened
    await context.close()


async def press(page: Any, x: int, y: int, count: int = 1, meanwhile: str = "") -> None:
    await page.mouse.move(x, y)
    await page.mouse.down(click_count=count)
    if meanwhile:
        await page.evaluate(meanwhile)
    await page.mouse.up(click_count=count)


async def tap(page: Any, x: int, y: int, count: int = 1) -> None:
    """By the events' own times a touch lasts 50 ms, as does the pause between two, however busy the machine is."""
    touch, now = await page.context.new_cdp_session(page), time.time()
    for number in range(count):
        for kind, points, at in (("touchStart", [{"x": x, "y": y}], 0.0), ("touchEnd", [], 0.05)):
            event = {"type": kind, "touchPoints": points, "timestamp": now + number / 10 + at}
            await touch.send("Input.dispatchTouchEvent", event)


async def test_a_link_that_moves_away_is_pressed_with_the_key_that_is_held(page) -> None:
    await page.keyboard.down("Control")
    await press(page, *SECOND, meanwhile="place('second', '420px')")
    assert await page.evaluate("pressed") == ["second Ctrl"]


async def test_what_moves_away_from_under_a_finger_is_pressed_and_not_what_comes_there(page) -> None:
    touch = await page.context.new_cdp_session(page)
    # Moved with the event, as a finger that stays for half a second asks for a menu.
    await page.evaluate(
        """addEventListener("pointerdown", () => { place("first", "420px"); place("second", "20px") })"""
    )
    point = dict(zip("xy", FIRST, strict=True))
    await touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    await touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert await page.evaluate("pressed") == ["first"]


async def test_a_button_that_is_taken_away_or_disabled_in_mid_press_does_nothing(page) -> None:
    await press(page, *FIRST, meanwhile="place('first', '420px'), (first.disabled = true)")
    await press(page, *SECOND, meanwhile="second.remove()")
    assert not {"first", "second"} & set(await page.evaluate("pressed"))


@pytest.mark.parametrize("pointer", ["mouse", "finger"])
async def test_what_a_first_press_puts_under_the_pointer_is_not_pressed_by_the_second(page, pointer) -> None:
    await page.evaluate("first.addEventListener('click', () => (over.hidden = false))")
    if pointer == "mouse":
        await press(page, *FIRST)
        await press(page, *FIRST, count=2)
    else:
        await tap(page, *FIRST, count=2)
    assert await page.evaluate("pressed") == ["first"]


async def test_a_dialog_that_a_double_click_opens_stays_open(page) -> None:
    close = "addEventListener('click', ({ target }) => target.localName === 'dialog' && target.close())"
    await page.evaluate(f"{close}; first.addEventListener('click', () => document.querySelector('dialog').showModal())")
    await press(page, *FIRST)
    await press(page, *FIRST, count=2)
    assert await page.evaluate("document.querySelector('dialog').open")
    await press(page, *FIRST)
    assert not await page.evaluate("document.querySelector('dialog').open")


async def test_the_same_button_takes_both_presses_of_a_double_click_unless_it_sends_a_form_or_costs(page) -> None:
    await page.evaluate("second.dataset.needs = 'generate'")
    for place in (FIRST, SEND, SECOND):
        await press(page, *place)
        await press(page, *place, count=2)
    assert await page.evaluate("pressed") == ["first", "first", "first twice", "send", "second"]


async def test_one_goes_through_versions_as_fast_as_one_presses(page) -> None:
    await page.evaluate("""before.addEventListener("click", () => {
      const next = Object.assign(before.cloneNode(true), { id: "next" })
      before.replaceWith(next)
    })""")
    await press(page, *BEFORE)
    await press(page, *BEFORE, count=2)
    assert (await page.evaluate("pressed"))[:2] == ["before", "next"]


async def test_a_dialog_is_closed_by_a_press_beside_it_alone(page) -> None:
    await page.evaluate("document.querySelector('dialog').showModal()")
    box = await page.locator("dialog").bounding_box()
    words = await page.locator("#words").bounding_box()
    beside, margin = (box["x"] - 30, box["y"] + 60), (box["x"] + 10, box["y"] + 10)
    text = (words["x"] + 20, words["y"] + 20)
    for begins, ends in ((text, beside), (beside, text), (margin, margin), (margin, beside)):
        await page.mouse.move(*begins)
        await page.mouse.down()
        await page.mouse.move(*ends)
        await page.mouse.up()
    assert "dialog" not in await page.evaluate("pressed")
    await press(page, *beside)
    assert await page.evaluate("pressed") == ["dialog"]


async def test_a_press_on_what_a_sheet_dims_closes_the_sheet_alone(page) -> None:
    await page.evaluate("sheet.classList.add('dims'); sheet.showPopover()")
    await page.locator("#inside").tap()
    await page.touchscreen.tap(*SECOND)
    assert await page.evaluate("[...pressed, sheet.matches(':popover-open')]") == ["inside", False]
    await page.touchscreen.tap(*FIRST)
    assert await page.evaluate("pressed") == ["inside", "first"]
    # What dims nothing keeps nothing from being pressed.
    await page.evaluate("sheet.classList.remove('dims'); sheet.showPopover()")
    await page.touchscreen.tap(*SECOND)
    assert await page.evaluate("pressed") == ["inside", "first", "second"]
