"""The page's plain classes, run where they live: imported as modules in Chromium."""

import itertools
from typing import Any

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
async def page(product, browser):
    opened = await browser.new_page()
    await opened.goto(f"{product.url}/offline")
    yield opened
    await opened.close()


async def run(page: Any, module: str, body: str, argument: Any = None) -> Any:
    """The value of a function body in which `m` is the module and `x` the argument."""
    script = f"async (x) => {{ const m = await import('/static/any/js/{module}.js'); {body} }}"
    return await page.evaluate(script, argument)


@pytest.mark.parametrize(
    ("pieces", "length", "expected"),
    [
        ([[0, "Hello"], [5, " world"]], 0, "Hello world"),
        ([[0, "Hello"], [5, " world"]], 5, " world"),
        ([[0, "Hello"], [0, "Hello"]], 0, "Hello"),
        ([[0, "Hello"], [3, "lo there"]], 5, " there"),
        ([[0, "Hello"], [9, "later"]], 5, ""),
        ([[0, "Hello"], [9, "later"]], 9, "later"),
        ([[0, "Hello"], [9, "later"]], 11, "ter"),
        ([[0, "Hello"], [9, "later"], [14, " on"]], 9, "later on"),
        ([[0, "Hello"], [9, "later"], [5, " or "]], 0, "Hello or later"),
        ([[0, "Hello"], [9, "later"], [3, "lo or late"]], 0, "Hello or later"),
        ([[9, "later"], [5, " or later on"]], 5, " or later on"),
        ([], 3, ""),
    ],
)
async def test_pieces_of_a_reply_are_joined_whatever_is_doubled_or_missing(page, pieces, length, expected) -> None:
    body = "const b = new m.DeltaBuffer(); x[0].forEach((p) => b.add(...p)); return b.textAfter(x[1])"
    assert await run(page, "models/delta_buffer", body, [pieces, length]) == expected


async def test_words_that_come_together_are_shown_until_the_next_ones_are_due(page) -> None:
    body = """
      const text = new m.GradualText()
      text.add(1000)
      const first = text.lengthAt(1016, 5, 0)
      text.add(1500) // 40 more, half a second after the first ones
      const frames = [...Array(32).keys()].map((frame) => text.lengthAt(1500 + 16 * frame, 45, 0))
      text.add(9000) // 40 more after a long silence
      const late = text.lengthAt(9400, 85, 0)
      return [first, frames, late, text.lengthAt(9800, 85, 0), text.lengthAt(9816, 90, 150)]"""
    first, frames, late, later, drawn = await run(page, "models/gradual_text", body)
    assert first == 5
    assert max(after - before for before, after in itertools.pairwise([first, *frames])) <= 3
    assert frames[15] < 30 < frames[31] <= 45
    assert 60 <= late <= 70
    assert (later, drawn) == (85, 150)


@pytest.mark.parametrize(
    ("seconds", "usual", "expected"),
    [(6, 8, "6 s · usually 8 s"), (16, 8, "16 s · usually 8 s"), (17, 8, "17 s"), (6, None, "6 s")],
)
async def test_the_usual_time_is_not_said_once_it_has_passed_twofold(page, seconds, usual, expected) -> None:
    assert await run(page, "models/progress", "return m.describeElapsed(...x)", [seconds, usual]) == expected


async def test_the_usual_time_is_that_of_one_kind_model_size_and_number_of_steps(page) -> None:
    body = """
      m.setUsualDurations([
        { kind: "image", model: "a", pixels: 4, steps: null, seconds: 2 },
        { kind: "image", model: "a", pixels: 4, steps: 50, seconds: 5 },
        { kind: "video", model: "a", pixels: 4, steps: null, seconds: 9 }])
      m.setAsked({ kind: "image", width: 2, height: 2, steps: 50 })
      return [["image", "a", 4], ["image", "a", 4, 50], ["video", "a", 4], ["image", "b", 4], ["image", "a", 5],
              ["image", "a", 4, 9]]
        .map(([kind, model, pixels, steps]) => m.usualDuration({ kind, model, pixels, steps })).concat(m.askedDuration())"""
    assert await run(page, "models/usual_duration", body) == [2, 5, 9, None, None, None, 5]


async def test_reconnecting_backs_off_with_jitter_and_comes_back_soon_after_a_restart(page) -> None:
    delays = await run(
        page, "models/backoff", "return [0, 1, 3, 20].map((n) => m.reconnectDelay(1006, '', n, () => 1))"
    )
    assert delays == [1000, 2000, 8000, 30_000]
    assert await run(page, "models/backoff", "return m.reconnectDelay(1006, '', 9, () => 0)") == 500
    assert await run(page, "models/backoff", "return m.reconnectDelay(1012, '', 9, () => 1)") == 5000
    assert await run(page, "models/backoff", "return m.reconnectDelay(4429, 'retry_after=7', 0)") == 7000


@pytest.mark.parametrize(
    ("ratio", "longest", "expected"),
    [("1:1", 768, [768, 768]), ("3:2", 768, [768, 512]), ("9:16", 768, [432, 768]), ("16:9", 512, [512, 288])],
)
async def test_sizes_keep_their_shape_in_steps_of_eight(page, ratio, longest, expected) -> None:
    body = "const s = m.dimensions(...x); return [s.width, s.height]"
    assert await run(page, "models/generation_request", body, [ratio, longest]) == expected


async def test_how_much_may_change_is_asked_of_variations_only(page) -> None:
    body = """
      const data = new FormData()
      const fields = { size: 512, ratio: "1:1", count: 1, source_asset_id: "a", change: x, strength: "0.3" }
      for (const [name, value] of Object.entries(fields)) data.set(name, value)
      return m.generationRequest("image", "a lake", data).strength ?? null"""
    strengths = [await run(page, "models/generation_request", body, change) for change in ("variation", "edit")]
    assert strengths == [0.3, None]


async def test_drafts_of_changes_are_those_of_the_pictures_that_were_changed_last(page) -> None:
    body = """
      const drafts = new m.ChangeDrafts("s")
      for (let number = 1; number <= 6; number++) drafts.save(String(number), { text: `words ${number}` })
      drafts.save("2", { text: "other words" })
      drafts.remove("6")
      return [..."123456"].map((asset) => drafts.load(asset)?.text ?? null)"""
    drafts = await run(page, "models/change_drafts", body)
    assert drafts == [None, "other words", "words 3", "words 4", "words 5", None]


async def test_every_reason_is_said(page) -> None:
    wanted = {"kind": "image", "prompt": "", "count": 4}
    situation = {"expired": False, "mayGenerate": False, "balance": {"limit": 3}, "maxCount": 2, "plan": "Flash Lite"}
    assert await run(page, "models/quote", "return new m.Quote(...x).problems", [wanted, situation]) == [
        "The owner has not allowed guests to generate.",
        "Flash Lite has 3 image credits an hour.",
        "Flash Lite makes at most 2 at once.",
        "Describe the picture first.",
    ]


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"status": "queued"}, "Queued"),
        ({"status": "queued", "position": 1}, "Queued, next"),
        ({"status": "queued", "position": 3, "eta": 20}, "Queued, 3rd, about 20 s"),
        ({"status": "model-loading", "eta": 18.2}, "Loading the model, about 18 s"),
        ({"status": "rendering", "step": 14, "steps": 30, "eta": 9}, "Rendering, step 14 of 30, about 9 s"),
        ({"status": "rendering", "eta": -3}, "Rendering"),
    ],
)
async def test_stages_are_told_with_only_what_is_known(page, known, words) -> None:
    assert await run(page, "models/progress", "return m.describeStage(x)", known) == words


async def test_late_progress_of_another_stage_or_attempt_is_not_meant(page) -> None:
    drawn = {"status": "rendering", "attempt": 2}
    heard = [{"status": "queued", "attempt": 2}, {"status": "rendering", "attempt": 1}, drawn, None]
    body = "return x[1].map((each) => m.isCurrent(x[0], each))"
    assert await run(page, "models/progress", body, [drawn, heard]) == [False, False, True, False]


@pytest.mark.parametrize(
    ("old", "fresh", "expected"),
    [
        ("<p>a</p>", "<p>b</p>", "<p>b</p>"),
        ('<p title="x" data-local-y="1">a</p>', '<p id="z">a</p>', '<p data-local-y="1" id="z">a</p>'),
        ("<i data-local>kept</i>", "<i data-local>drawn</i>", "<i data-local>kept</i>"),
        ("<b>1</b><i data-added></i>", "<b>2</b><u>3</u>", "<b>2</b><u>3</u><i data-added></i>"),
        ("<b>1</b><i data-added></i><u>2</u>", "<b>3</b><u>4</u>", "<b>3</b><i data-added></i><u>4</u>"),
        ("<b>1</b><i data-added></i>", "<u>2</u>", "<u>2</u><i data-added></i>"),
        ("<details open><p>a</p></details>", "<details><p>b</p></details>", '<details open=""><p>b</p></details>'),
        ('<p id="a">1</p><p id="b">2</p>', '<p id="b">3</p><p id="a">4</p>', '<p id="b">3</p><p id="a">4</p>'),
        ("<ul><li>1</li><li>2</li><li>3</li></ul>", "<ul><li>1</li></ul>", "<ul><li>1</li></ul>"),
    ],
)
async def test_a_node_becomes_its_newer_drawing_and_keeps_what_is_the_browsers(page, old, fresh, expected) -> None:
    body = """
      const make = (html) => new DOMParser().parseFromString(`<div>${html}</div>`, 'text/html').body.firstChild
      const node = make(x[0]); m.morph(node, make(x[1])); return node.innerHTML.replaceAll('data-local=""', 'data-local')
        .replaceAll('data-added=""', 'data-added')"""
    assert await run(page, "helpers/morph", body, [old, fresh]) == expected


async def test_nodes_with_ids_stay_themselves_when_others_come_between(page) -> None:
    body = """
      const make = (html) => new DOMParser().parseFromString(`<div>${html}</div>`, 'text/html').body.firstChild
      const node = make(x[0]); const [a, b] = node.children
      m.morph(node, make(x[1]))
      return node.children[1] === a && node.children[2] === b"""
    rows = ['<p id="a"></p><p id="b"></p>', '<p id="new"></p><p id="a"></p><p id="b"></p>']
    # The link to the file of a second picture stays that, where the first picture is done after it.
    links = ['<a data-of="2"></a><b></b>', '<a data-of="1"></a><a data-of="2"></a><b></b>']
    for drawn in (rows, links):
        assert await run(page, "helpers/morph", body, drawn) is True


@pytest.mark.parametrize("gap", ["", "\n  "], ids=["tight", "with spaces"])
async def test_what_stays_is_not_moved_where_what_stood_before_it_goes(page, gap) -> None:
    body = """
      const make = (html) => new DOMParser().parseFromString(`<div>${html}</div>`, 'text/html').body.firstChild
      const node = document.body.appendChild(make(`${x}<p id="a"></p>${x}<button id="b"></button>${x}`))
      const button = node.lastElementChild
      button.focus()
      const fresh = make(`${x}<button id="b" title="newer"></button>${x}`)
      const drawn = fresh.innerHTML
      m.morph(node, fresh)
      const kept = node.innerHTML === drawn && document.activeElement === button && button.title === 'newer'
      node.remove()
      return kept"""
    assert await run(page, "helpers/morph", body, gap) is True


@pytest.mark.parametrize(
    ("status", "after", "expected"),
    [
        (503, None, 5000),
        (503, "30", 30_000),
        (429, "7", 7000),
        (500, None, 5000),
        (408, None, 5000),
        *((status, None, None) for status in (403, 404, 410, 422)),
    ],
)
async def test_a_question_is_asked_again_when_the_server_says_so_and_never_where_it_refuses_for_good(
    page, status, after, expected
) -> None:
    body = """
      const [status, after] = x, headers = after ? { 'Retry-After': after } : {}
      window.fetch = async () => new Response('{}', { status, headers })
      return m.fetchText('/anything')"""
    assert await run(page, "helpers/fetching", body, [status, after]) == {"text": None, "again": expected}


async def test_only_silence_is_asked_twice_and_a_refusal_says_what_to_do(page) -> None:
    body = """
      const asked = async (...answers) => {
        let times = 0
        window.fetch = async () => answers[times++]()
        const end = await m.askTwice(() => m.call('POST', '/things')).catch(({ message, status }) => [message, status])
        return [times, end]
      }
      const silence = () => Promise.reject(new TypeError('Failed to fetch'))
      const broken = () => new Response('{"thi')
      const refusal = (status, words) => () => Response.json({ error: { message: words } }, { status })
      return [
        await asked(silence, () => Response.json({ thing: 1 })),
        await asked(broken, silence),
        await asked(refusal(401, 'Please sign in first.')),
        await asked(refusal(503, 'The server is busy.')),
      ]"""
    assert await run(page, "helpers/api", body) == [
        [2, {"thing": 1}],
        [2, ["The server cannot be reached right now. Please try again.", None]],
        [1, ["You were signed out. Reload the page to sign in again.", 401]],
        [1, ["The server is busy.", 503]],
    ]


WAITING = """
  const w = new m.CommandQueue(), log = []
  const add = (ref) => w.add({ command: { ref } })
  const take = () => log.push(w.takeReady().map((each) => each.ref).join(''))
  const lose = (blame = true) => {
    const lost = w.connectionLost(blame).filter(m.isUndeliverable).map((each) => each.command.ref)
    for (const ref of lost) { w.remove(ref); log.push("!" + ref) }
  }
  const answer = (ref) => w.remove(ref);
"""


async def test_after_a_break_commands_go_one_at_a_time_until_the_one_that_breaks_the_line_is_known(page) -> None:
    body = """['a', 'b', 'c'].forEach(add); take(); lose(); take(); answer('a'); take(); lose(); take(); add('d'); take()
      lose(); take(); answer('c'); take(); return log"""
    assert await run(page, "models/command_queue", WAITING + body) == ["abc", "a", "b", "b", "", "!b", "c", "d"]


async def test_breaks_that_the_server_or_the_persons_own_line_explain_are_nobodys_fault(page) -> None:
    body = (
        "add('a'); for (let n = 0; n < 9; n++) { take(); lose(false) } take(); add('b'); take(); return log.slice(-2)"
    )
    assert await run(page, "models/command_queue", WAITING + body) == ["a", "b"]


async def test_what_is_asked_of_one_thing_waits_until_what_was_asked_of_it_before_is_answered(page) -> None:
    """A press that the server asks to repeat would otherwise be done after the later one that has taken it back."""
    body = """
      const ask = (ref, type, of) => w.add({ command: { ref, type, ...of } })
      const [boat, ship] = [{ asset_id: 'boat' }, { asset_id: 'ship' }]
      ask('a', 'asset.favorite', boat); ask('b', 'asset.favorite', boat); ask('c', 'asset.favorite', ship); take()
      take(); answer('c'); take(); answer('a'); take(); answer('b')
      ask('d', 'message.show', { message_id: '1' }); ask('e', 'message.show', { message_id: '1' })
      ask('f', 'message.stop', { message_id: '1' }); take(); answer('d'); take(); return log"""
    assert await run(page, "models/command_queue", WAITING + body) == ["ac", "", "", "b", "df", "e"]


async def test_what_is_said_after_a_refusal_for_now_is_not_heard_before_what_was_refused(page) -> None:
    body = """
      const say = (ref, type = 'message.create') => w.add({ command: { ref, type } })
      const rests = { inFlight: false, delayed: true, tries: 1 }
      const later = (...refs) => refs.forEach((ref) => Object.assign(w.get(ref), rests))
      const rested = (ref) => (w.get(ref).delayed = false)
      say('a'); say('b'); say('c'); take(); answer('a'); later('b', 'c'); say('d'); say('x', 'asset.favorite'); take()
      rested('c'); take(); rested('b'); take(); answer('b'); take(); answer('c'); take(); return log"""
    assert await run(page, "models/command_queue", WAITING + body) == ["abc", "x", "", "b", "c", "d"]


async def test_whatever_one_person_left_is_forgotten_when_the_server_asks_for_it(page) -> None:
    body = """
      localStorage.setItem('of-ada:draft', 'x'); sessionStorage.setItem('y', 'z')
      const opened = indexedDB.open('outbox of ada', 1)
      await new Promise((done) => (opened.onsuccess = done)); opened.result.close()
      document.cookie = 'theme=dark; Path=/'; document.cookie = 'forget=1; Path=/'
      const { browserDataCleared } = await import(`/static/any/js/helpers/browser_data.js?${Math.random()}`)
      await browserDataCleared
      return [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length, document.cookie]"""
    assert await run(page, "helpers/browser_data", body) == [0, 0, 0, "theme=dark"]


async def test_a_listener_that_throws_stops_neither_the_others_nor_the_rest_of_a_frame(page) -> None:
    body = """
      const heard = [], reported = []
      addEventListener('error', (event) => { event.preventDefault(); reported.push(event.message) })
      window.WebSocket = class { constructor() { window.line = this } send() {} close() {} }
      const socket = new m.Socket({ all: async () => [], put() {}, remove() {} }, 'ada', 's')
      socket.on('stats', () => { throw new Error('a fault of a listener') })
      socket.on('stats', () => heard.push('stats'))
      socket.on('message', ({ seq }) => heard.push(seq))
      socket.start(0)
      line.onmessage({ data: JSON.stringify([
        { type: 'welcome', you: { id: 'ada' }, now: new Date().toISOString() },
        { type: 'stats' }, { type: 'message', seq: 7 }]) })
      return [heard, socket.after, reported.length]"""
    assert await run(page, "socket", body) == [["stats", 7], 7, 1]


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("7,5", 7.5),
        ("7.5", 7.5),
        ("  42 ", 42),
        ("４２", 42),
        ("٤٢", 42),
        ("७٫५", 7.5),
        ("", None),
        ("1e3", "NaN"),
        ("x", "NaN"),
    ],
)
async def test_a_number_is_read_as_it_is_typed(page, typed, number) -> None:
    body = "const n = m.parseNumber(x); return Number.isNaN(n) ? 'NaN' : n"
    assert await run(page, "models/numbers", body, typed) == number


async def test_no_character_is_cut_in_the_middle(page) -> None:
    body = "return [...x.map(m.initial), m.countCodePoints('🦊')]"
    assert await run(page, "helpers/text", body, ["👩‍👩‍👧 Lee", "🇮🇳", "élan"]) == ["👩‍👩‍👧", "🇮🇳", "É", 1]


# A stream at the end of its content; `inner` is a batch, which gives itself its height when its width has changed.
FOLLOWED = """
  const frame = () => new Promise(requestAnimationFrame)
  const box = (parent, style) => {
    const made = parent.appendChild(document.createElement("div"))
    Object.assign(made.style, style)
    return made
  }
  document.body.replaceChildren()
  const scroller = box(document.body, { height: "400px", width: "600px", overflow: "auto" })
  const content = box(scroller, {})
  box(content, { height: "2000px" })
  const inner = box(content, { height: "900px" })
  const follower = new m.ScrollFollower(scroller, () => {})
  follower.hasBegun = true
  follower.observe(content, scroller)
  new ResizeObserver(() => scroller.clientWidth < 400 && (inner.style.height = "867px")).observe(inner)
  // Ends between two frames: scroll events of the next come before its layout.
  const settled = async () => {
    for (let each = 0; each < 4; each++) await frame()
    await new Promise((resolve) => setTimeout(resolve))
  }
  const distance = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight
  await settled()
  const before = distance()
  CHANGE
  await settled()
  return [before, distance(), follower.following]"""
NARROWER = "scroller.style.width = '300px'; inner.style.height = '400px'"


@pytest.mark.parametrize(
    "change",
    [
        NARROWER,
        # The layout is asked for in between: the browser has moved the stream up before anything is told.
        f"{NARROWER}; scroller.scrollTop; inner.style.height = '867px'",
        f"{NARROWER}; scroller.scrollTop; await frame(); inner.style.height = '867px'",
        "scroller.style.height = '900px'; scroller.scrollTop; scroller.style.height = '300px'",
    ],
    ids=["narrower", "asked", "a frame between", "higher and lower"],
)
async def test_the_end_is_followed_in_whatever_order_sizes_change(page, change) -> None:
    assert await run(page, "models/scroll_follower", FOLLOWED.replace("CHANGE", change)) == [0, 0, True]


async def test_a_reader_who_scrolls_up_while_the_content_grows_leaves_the_end(page) -> None:
    change = "scroller.scrollTop -= 500; await frame(); inner.style.height = '1200px'"
    assert await run(page, "models/scroll_follower", FOLLOWED.replace("CHANGE", change)) == [0, 800, False]


async def test_small_steps_up_lead_away_from_what_grows_and_a_step_down_near_the_end_comes_back_to_it(page) -> None:
    up = """for (let step = 1; step <= 5; step++) {
      scroller.scrollTop -= 12
      await settled()
      inner.style.height = `${900 + step}px`
      await settled()
    }"""
    assert await run(page, "models/scroll_follower", FOLLOWED.replace("CHANGE", up)) == [0, 65, False]
    back = f"{up}; scroller.scrollTop += 5; await settled(); inner.style.height = '1200px'"
    assert await run(page, "models/scroll_follower", FOLLOWED.replace("CHANGE", back)) == [0, 0, True]


# Fingers on a picture of the lightbox. `moved` is how far it was drawn and how large it is; `way` is how it was swiped.
TOUCHED = """
  const [stage, picture] = ["div", "img"].map((name) => document.createElement(name))
  stage.append(picture)
  stage.setPointerCapture = () => {} // there are no such pointers
  let way = null
  new m.Zoom(stage, picture, (swiped) => (way = swiped))
  const point = (pointerType, buttons) => (type, pointerId, clientX, isPrimary = false) => picture.dispatchEvent(
    new PointerEvent(type, { pointerType, buttons, pointerId, isPrimary, clientX, clientY: 0, bubbles: true }))
  const [touch, mouse, hover] = [point("touch", 1), point("mouse", 1), point("mouse", 0)]
  const moved = () => ["--x", "--zoom"].map((name) => Number.parseFloat(picture.style.getPropertyValue(name)))
  const pinch = () => {
    touch("pointerdown", 1, -50, true)
    touch("pointerdown", 2, 50)
    touch("pointermove", 2, 150) // twice as far from the first, around 50
  }
"""


@pytest.mark.parametrize("heard", [[], [1], [2]], ids=["neither", "the first", "the second"])
async def test_a_finger_that_was_lifted_unheard_is_no_part_of_the_next_drag(page, heard) -> None:
    body = """
      pinch()
      for (const each of x) touch("pointerup", each, 0)
      touch("pointerdown", 3, 0, true)
      touch("pointermove", 3, 30)
      return moved()"""
    assert await run(page, "models/zoom", TOUCHED + body, heard) == [-20, 2]


async def test_a_finger_after_one_that_was_lifted_unheard_swipes(page) -> None:
    body = """
      touch("pointerdown", 1, 0, true)
      touch("pointerdown", 2, 300, true)
      touch("pointermove", 2, 200)
      touch("pointerup", 2, 200)
      return way"""
    assert await run(page, "models/zoom", TOUCHED + body) == "left"


async def test_a_finger_that_is_captured_elsewhere_pinches_no_more(page) -> None:
    body = """
      pinch()
      touch("lostpointercapture", 2, 150)
      touch("pointermove", 1, -20)
      return moved()"""
    assert await run(page, "models/zoom", TOUCHED + body) == [-20, 2]


async def test_a_finger_that_the_picture_hands_over_to_the_stage_goes_on(page) -> None:
    body = """
      pinch()
      stage.hasPointerCapture = () => true
      touch("lostpointercapture", 2, 150)
      touch("pointermove", 2, 350) // twice as far again, around 150
      return moved()"""
    assert await run(page, "models/zoom", TOUCHED + body) == [-250, 4]


async def test_a_mouse_whose_release_was_unheard_draws_nothing(page) -> None:
    body = """
      pinch()
      for (const each of [1, 2]) touch("pointerup", each, 0)
      mouse("pointerdown", 9, 0, true)
      hover("pointermove", 9, 30, true)
      hover("pointermove", 9, 60, true)
      return moved()"""
    assert await run(page, "models/zoom", TOUCHED + body) == [-50, 2]


@pytest.mark.parametrize(
    ("refused", "expected"),
    [([0], ["cba"]), ([1], ["bac"]), ([2], ["cab"]), ([0, 2], ["cba", "cab"]), ([0, 1, 2], ["cba", "bac", "abc"])],
)
async def test_an_order_without_a_refused_move_has_those_that_were_made_and_those_that_wait(
    page, refused, expected
) -> None:
    body = """
      const moves = new m.PendingMoves()
      const all = [["c", "b", "abc"], ["c", "a", "acb"], ["b", "a", "cab"]]
        .map(([item, next, shown]) => moves.add(item, next, [...shown]))
      return all.map((move, number) => (x.includes(number) ? moves.refuse(move).join("") : moves.accept(move)))
        .filter(Boolean)"""
    assert await run(page, "models/pending_moves", body, refused) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (59, "59 s"),
        (5400, "1 h 30 min"),
        (47 * 3600, "47 h"),
        (30 * 86_400, "30 days"),
        (30 * 86_400 - 90, "29 days 23 h"),
    ],
)
async def test_a_session_of_a_month_is_not_told_in_hundreds_of_hours(page, seconds, expected) -> None:
    assert await run(page, "helpers/time", "return m.formatDuration(x)", seconds) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(72 * 60, "1 h 12 min left"), (30 * 86_400 + 30, "30 days left")])
async def test_what_is_left_of_a_month_is_told_in_days(page, seconds, expected) -> None:
    # Read before its own "now", by a moment that rounding up makes good.
    body = "return m.formatTime(new Date(Date.now() + 1000 * x - 5000), 'left')"
    assert await run(page, "helpers/time_format", body, seconds) == expected


async def test_the_end_of_a_session_of_another_year_is_told_with_its_year(page) -> None:
    body = """const date = new Date(Date.now() - 1000 * 86400 * x)
      return [m.formatTime(date, 'moment'), String(date.getFullYear()), String(new Date().getFullYear())]"""
    moment, year, this_year = await run(page, "helpers/time_format", body, 800)
    assert year in moment
    moment, year, this_year = await run(page, "helpers/time_format", body, 5)
    assert (year in moment) == (year != this_year)
