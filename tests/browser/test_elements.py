"""What an element has begun goes on where it only moves in the page, and ends where it is taken out of it. The elements are
put into an empty page, whose timers end when a test says so."""

from typing import Any

import pytest

pytestmark = pytest.mark.browser

# `end()` ends the timers that run, or those of at most so many milliseconds; `running()` counts them.
TIMERS = """
  const timers = new Map()
  let last = 0
  window.setTimeout = (act, ms) => (timers.set(++last, { act, ms }), last)
  window.clearTimeout = (timer) => timers.delete(timer)
  const running = () => timers.size
  const end = (most = Infinity) => {
    for (const [timer, { act, ms }] of [...timers]) if (ms <= most && timers.delete(timer)) act()
  }
  const task = () => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = resolve
    port2.postMessage(null)
  })
  const put = (html) => {
    document.body.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes)
    return document.body.firstElementChild
  }
"""


@pytest.fixture
async def page(product, browser):
    opened = await browser.new_page()
    await opened.goto(f"{product.url}/offline")
    yield opened
    await opened.close()


async def run(page: Any, element: str, body: str, argument: Any = None) -> Any:
    """The value of a function body in which `x` is the argument, once the element is defined."""
    script = f"async (x) => {{ await import('/static/any/js/elements/{element}.js'); {TIMERS} {body} }}"
    return await page.evaluate(script, argument)


# A picture that failed at a limit, with what it sends and opens. It moves as a newer drawing of its message moves it.
FAILED = """
  const [{ socket }, { bus }] = await Promise.all(["socket", "bus"].map((each) => import(`/static/any/js/${each}.js`)))
  const sent = [], opened = []
  socket.send = async (type) => sent.push(type)
  bus.on("open-picture", (card) => opened.push(card.dataset.id))
  const lifts = new Date(Date.now() + 60_000).toISOString()
  const card = put(`<generation-card data-id="7" data-status="failed"><a data-action="open" href="#"></a>
    <button data-action="retry" data-not-before="${lifts}"><span data-slot="retry"></span></button></generation-card>`)
  const button = card.querySelector("button")
  const move = () => card.parentElement.append(card)
"""


async def test_a_retry_that_waits_for_a_limit_is_made_where_its_picture_has_moved(page) -> None:
    body = """
      button.click()
      move()
      await task()
      const waiting = [sent.length, button.getAttribute("aria-disabled")]
      end()
      await task()
      return [...waiting, ...sent, button.getAttribute("aria-disabled")]"""
    assert await run(page, "generation_card", FAILED + body) == [0, "true", "generation.retry", None]


async def test_a_retry_that_waits_for_a_limit_ends_with_its_picture(page) -> None:
    body = "button.click(); card.remove(); await task(); const left = running(); end(); return [left, sent.length]"
    assert await run(page, "generation_card", FAILED + body) == [0, 0]


@pytest.mark.parametrize(("goes", "expected"), [("move()", ["7"]), ("card.remove()", [])], ids=["moved", "removed"])
async def test_a_tap_opens_its_picture_where_that_has_moved_before_it_was_known_to_be_one(page, goes, expected) -> None:
    body = f"""
      const tap = new PointerEvent("click", {{ pointerType: "touch", bubbles: true, cancelable: true }})
      card.querySelector("a").dispatchEvent(tap)
      {goes}
      await task()
      end()
      return opened"""
    assert await run(page, "generation_card", FAILED + body) == expected


@pytest.mark.parametrize(("goes", "hidden"), [("move()", False), ("card.remove()", True)], ids=["moved", "removed"])
async def test_a_preview_stays_with_its_picture(page, goes, hidden) -> None:
    body = f"""
      const card = put('<generation-card data-status="rendering"><img data-slot="preview"></generation-card>')
      const preview = card.firstElementChild
      Object.assign(preview, {{ src: "data:,", hidden: false }}) // as progress does
      const move = () => card.parentElement.append(card)
      {goes}
      await task()
      return preview.hidden"""
    assert await run(page, "generation_card", body) is hidden


# Something that an element does later: how it is begun, and whether it was done.
LATER = {
    "connection_status": """
      const [{ bus }, { socket }] = await Promise.all(["bus", "socket"].map((each) => import(`/static/any/js/${each}.js`)))
      const element = put("<connection-status><p data-slot='words'></p><p data-slot='waiting'></p></connection-status>")
      const done = () => element.dataset.state === socket.state
      bus.emit("connection-state", socket.state)""",
    "live_page": """
      window.fetch = async () => new Response('<live-page id="page" data-parts="work">newer</live-page>')
      window.WebSocket = class { constructor() { window.line = this } close() {} }
      const element = put('<live-page id="page" data-parts="work">older</live-page>')
      const done = () => element.textContent === "newer"
      line.onmessage({ data: '[{ "parts": ["work"] }]' })""",
    "plan_editor": """
      window.fetch = async () => new Response('<p data-slot="preview">newer</p>')
      const element = put('<plan-editor><form></form><p data-slot="preview">older</p></plan-editor>')
      const done = () => element.textContent === "newer"
      element.dispatchEvent(new Event("input"))""",
    "typing_notice": """
      const { bus } = await import("/static/any/js/bus.js")
      const element = put("<typing-notice><p data-slot='words'></p></typing-notice>")
      const done = () => element.dataset.shown === "no"
      bus.emit("member-joined", { name: "Bob" })""",
}


@pytest.mark.parametrize("goes", ["moved", "removed"])
@pytest.mark.parametrize("element", LATER)
async def test_what_an_element_does_later_is_done_where_it_has_moved_and_not_where_it_is_gone(
    page, element, goes
) -> None:
    go = "document.body.append(element)" if goes == "moved" else "element.remove()"
    body = f"{LATER[element]}; {go}; await task(); end(10_000); for (let n = 0; n < 5; n++) await task(); return done()"
    assert await run(page, element, body) is (goes == "moved")


# A button says something else for a while.
SAYS = {
    "copy_button": '<copy-button data-text="x"><button>Usual</button></copy-button>',
    "share_row": '<share-row><button data-action="revoke"><i></i>Usual</button></share-row>',
}


@pytest.mark.parametrize("element", SAYS)
async def test_a_button_that_has_moved_says_what_it_usually_says_in_the_end(page, element) -> None:
    body = """
      const element = put(x), button = element.querySelector("button")
      button.click()
      while (button.textContent === "Usual") await task()
      document.body.append(element)
      end()
      return button.textContent"""
    assert await run(page, element, body, SAYS[element]) == "Usual"


async def test_of_two_fingers_on_pictures_that_are_compared_the_first_one_draws_them(page) -> None:
    body = """
      const compared = put(`<compare-pictures><div data-slot="stage"><p></p></div><input data-slot="range">
        </compare-pictures>`)
      const stage = compared.firstElementChild
      stage.firstElementChild.style.width = "400px"
      stage.setPointerCapture = () => {} // there are no such pointers
      compared.dispatchEvent(new KeyboardEvent("keydown", { key: "+" }))
      const finger = (type, pointerId, clientX) => {
        stage.dispatchEvent(new PointerEvent(type, { pointerId, clientX, isPrimary: pointerId === 1 }))
        return stage.style.getPropertyValue("--x")
      }
      finger("pointerdown", 1, 0)
      finger("pointerdown", 2, 100)
      const both = [finger("pointermove", 1, 10), finger("pointermove", 2, 90)]
      finger("pointerup", 2, 90)
      const one = finger("pointermove", 1, 20)
      finger("lostpointercapture", 1, 20)
      return [...both, one, finger("pointermove", 1, 30)]"""
    assert await run(page, "compare_pictures", body) == ["10px", "10px", "20px", "20px"]


# What is done once, for each element: `done` counts it.
ONCE = {
    "gallery_view": """
      const { bus } = await import("/static/any/js/bus.js")
      window.WebSocket = class { close() {} }
      const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
      const element = put(`<gallery-view data-zone="${timeZone}" data-total="9"><div data-slot="selection">
        <i data-slot="count"></i><i data-slot="all"></i><i data-action="compare"></i></div></gallery-view>
        <p class="header"></p>`)
      bus.on("toast", () => done++)
      const act = () => bus.emit("delete-pictures", ["7"])""",
    "picture_viewer": """
      const element = put(`<picture-viewer><dialog><div data-slot="stage"><img data-slot="picture"></div>
        <video data-slot="clip"></video><button data-action="panel"></button><p data-slot="panel"></p>
        </dialog></picture-viewer>`)
      const stage = element.querySelector("div")
      stage.setPointerCapture = () => {} // there is no such pointer
      element.close = () => done++
      const finger = (type, clientY) => stage.dispatchEvent(new PointerEvent(type, { clientY, isPrimary: true }))
      const act = () => { finger("pointerdown", 0); finger("pointerup", 200) }""",
}


@pytest.mark.parametrize("element", ONCE)
async def test_an_element_that_has_moved_does_once_what_it_is_told_once(page, element) -> None:
    body = f"let done = 0; {ONCE[element]}; document.body.append(element); act(); return done"
    assert await run(page, element, body) == 1


async def test_each_picture_that_is_taken_out_of_an_album_is_told(page) -> None:
    item = '<li data-asset="7"><button data-action="remove"></button></li>'
    body = """
      window.fetch = async () => new Response('{ "album": { "count": 1 } }')
      window.WebSocket = class { close() {} }
      const slots = ["count", "empty", "problem", "told"].map((name) => `<p data-slot="${name}"></p>`).join("")
      const parts = `<form data-slot="form"></form><ul data-slot="pictures">${x}</ul>${slots}`
      const album = put(`<album-editor>${parts}</album-editor>`)
      const told = album.querySelector('[data-slot="told"]')
      const said = []
      new MutationObserver(() => said.push(told.textContent)).observe(told, { childList: true })
      for (let n = 0; n < 2; n++) {
        album.querySelector("button").click()
        while (!told.textContent) await task()
        await task()
      }
      return said.filter(Boolean)"""
    assert await run(page, "album_editor", body, 3 * item) == 2 * ["Taken out of the album."]


async def test_an_undo_stays_while_it_has_the_focus(page) -> None:
    body = """
      const { bus } = await import("/static/any/js/bus.js")
      const toast = put(`<toast-notice hidden><span data-slot="words"></span>
        <button data-slot="undo" data-action="undo">Undo</button></toast-notice>`)
      bus.emit("toast", { kind: "improved", text: "Improved.", undo: () => {} })
      toast.querySelector("button").focus()
      end()
      const stayed = !toast.hidden
      document.activeElement.blur()
      end()
      return [stayed, toast.hidden]"""
    assert await run(page, "toast_notice", body) == [True, True]


async def test_what_the_connection_tells_takes_back_no_press_that_is_not_answered(page) -> None:
    body = """
      const { socket } = await import("/static/any/js/socket.js")
      const tell = []
      socket.on = (type, listener) => tell.push(listener)
      const { isFavorite, setFavorite } = await import("/static/any/js/favorites.js?anew")
      let answer = () => {}
      socket.send = () => new Promise((resolve) => (answer = resolve))
      const seen = []
      tell[0]({ asset_ids: ["7", "8"], on: true })
      setFavorite("7", false)
      tell[0]({ asset_ids: ["7"], on: true })
      seen.push(isFavorite("7"))
      tell[0]({ asset_ids: ["7"], on: true, whole: true })
      seen.push(isFavorite("7"), isFavorite("8"))
      answer()
      await task()
      seen.push(isFavorite("7"))
      tell[0]({ asset_ids: ["7"], on: true })
      return [...seen, isFavorite("7")]"""
    assert await run(page, "copy_button", body) == [False, False, False, False, True]


async def test_a_menu_opens_by_a_key_where_a_press_on_its_button_ended_elsewhere(page) -> None:
    body = """
      const menu = put(`<picture-menu><div popover data-slot="actions"></div>
        <div popover data-slot="formats"><a href="#"></a><i data-slot="rows"></i></div></picture-menu>`)
      const button = document.body.appendChild(document.createElement("button"))
      button.addEventListener("click", () => menu.showFormats({ cards: [], button }))
      const popover = menu.lastElementChild
      button.click()
      button.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }))
      popover.hidePopover() // as the browser does at a press outside
      button.click() // as a key does
      return popover.matches(":popover-open")"""
    assert await run(page, "picture_menu", body) is True


# What is asked of the server waits for `answers(refused)`, which refuses the requests of these numbers; returned is what
# was `shown()` after each answer.
ASKED = """
  const asked = []
  const ask = () => new Promise((resolve, reject) => asked.push({ resolve, reject: () => reject(new Error("Not now.")) }))
  window.fetch = async () => {
    const taken = await ask().then(() => true, () => false)
    return Response.json(taken ? {} : { error: { message: "Not now." } }, { status: taken ? 200 : 409 })
  }
  const answers = async (refused) => {
    const seen = []
    for (let number = 0; number < 3; number++) {
      while (!asked[number]) await task()
      asked[number][refused.includes(number) ? "reject" : "resolve"]()
      for (let tasks = 0; tasks < 3; tasks++) await task()
      seen.push(shown())
    }
    return seen
  }
"""
# Each is off, and is pressed three times before anything is answered.
PRESSED = {
    "favorites": """
      const { socket } = await import("/static/any/js/socket.js")
      const { isFavorite, setFavorite } = await import("/static/any/js/favorites.js")
      socket.send = ask
      const shown = () => isFavorite("7")
      for (const on of [true, false, true]) setFavorite("7", on)""",
    "gallery_picture": """
      const picture = put('<gallery-picture><a href="#"></a><button></button></gallery-picture>')
      const shown = () => picture.favorite
      for (let press = 0; press < 3; press++) picture.toggleFavorite()""",
    "gallery_favorites": """
      const { markFavorites } = await import("/static/any/js/helpers/gallery_favorites.js")
      await import("/static/any/js/elements/gallery_picture.js")
      const picture = put('<gallery-picture><a href="#"></a><button></button></gallery-picture>')
      const shown = () => picture.favorite
      picture.toggleFavorite()
      markFavorites(["7", "8"], [picture], false)
      picture.toggleFavorite()""",
    "invite_panel": """
      const box = put(`<invite-panel><dialog><p data-slot="problem"></p><input type="checkbox" data-slot="guests">
        </dialog></invite-panel>`).querySelector("input")
      const shown = () => box.checked
      for (let press = 0; press < 3; press++) box.click()""",
    "session_title": """
      const title = put(`<session-title><span data-slot="title">off</span><button data-action="rename"></button>
        <form data-slot="form"><input data-most="9"><p data-slot="problem"></p></form></session-title>`)
      const [words, form, field] = ["span", "form", "input"].map((name) => title.querySelector(name))
      const shown = () => words.textContent === "on"
      for (const name of ["on", "off", "on"]) {
        Object.assign(form, { hidden: false })
        field.value = name
        form.dispatchEvent(new Event("submit", { cancelable: true }))
      }""",
}


@pytest.mark.parametrize(
    ("refused", "expected"), [([0], True), ([0, 1, 2], False), ([0, 2], False), ([1, 2], True), ([2], False)]
)
@pytest.mark.parametrize("element", PRESSED)
async def test_what_is_refused_is_shown_as_the_server_has_it_once_nothing_else_is_on_its_way(
    page, element, refused, expected
) -> None:
    # Favourites are no elements, and every page has the one of titles.
    module = element if element in ("gallery_picture", "invite_panel") else "generation_card"
    assert await run(page, module, f"{ASKED} {PRESSED[element]}; return answers(x)", refused) == [True, True, expected]
