// <session-list>: the newest sessions with what happens in each. The server sends the changes of the others; the
// current one changes by the events of its own stream.
import { bus } from "../bus.js"
import { webpUrl } from "../helpers/blobs.js"
import { defineLater } from "../helpers/defining.js"
import { setText, slot } from "../helpers/dom.js"
import { initial } from "../helpers/text.js"
import { now } from "../helpers/time.js"
import { formatTime } from "../helpers/time_format.js"
import { socket } from "../socket.js"

const TICK_MS = 15_000 // the time left is shown to the minute
const MOST_UNREAD = 100 // the server counts no further
const LISTED = 24 // the page lists no more, and the server sends the changes of all

export class SessionList extends HTMLElement {
  #subscriptions = []
  #timer = null

  connectedCallback() {
    this.#subscriptions = [
      socket.on("sessions", ({ summaries, removed }) => this.#receive(summaries, removed)),
      socket.on("session", ({ session: { title, status, expires_at: expires } }) =>
        this.#change(this.#current, { title, status, expires }),
      ),
      socket.on("stats", ({ queued, rendering }) => this.#change(this.#current, { queued, rendering })),
      bus.on("newest-picture", (url) => this.#showPicture(this.#current, url)),
    ]
    for (const row of this.querySelectorAll(".session-row")) this.#showCover(row, slot(row, "cover").dataset.cover)
    this.#timer = setInterval(() => this.#showAll(), TICK_MS)
    this.#showAll()
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    clearInterval(this.#timer)
  }

  get #current() {
    return this.querySelector("[aria-current]")
  }

  #row(id) {
    return this.querySelector(`[data-session="${CSS.escape(id)}"] > a`)
  }

  #receive(summaries, removed) {
    for (const each of summaries) {
      const { id, title, status, expires_at: expires, cover, hue, queued, rendering, unread } = each
      const row = this.#row(id) ?? this.#insert(id, status)
      if (!row) continue
      this.#change(row, { title, status, expires, queued, rendering, unread })
      this.#showCover(row, cover, hue)
    }
    for (const id of removed) if (this.#row(id) !== this.#current) this.#row(id)?.parentElement.remove()
  }

  // Where the page would list it: those with time left first, then the newest. Nowhere where the page, which always
  // lists the current one, would not.
  #insert(id, status) {
    const items = [...this.querySelectorAll("[data-session]")]
    const after = items.filter((item) => comesBefore({ id, status }, item))
    if (items.length >= LISTED && after.every((item) => item.contains(this.#current))) return null
    const item = document.importNode(document.getElementById("session_summary").content, true).firstElementChild
    item.dataset.session = id
    item.firstElementChild.href = `/sessions/${id}`
    const list = slot(this, "list")
    list.insertBefore(item, after[0] ?? list.lastElementChild)
    return item.firstElementChild
  }

  #change(row, { title, ...state }) {
    Object.assign(row.dataset, state)
    setText(slot(row, "title"), title ?? slot(row, "title").textContent)
    this.#show(row)
  }

  // A cover in the page itself: a picture for each row would be a request for each.
  #showCover(row, cover, hue) {
    const place = slot(row, "cover")
    place.dataset.hue = hue ?? place.dataset.hue
    if (cover && place.dataset.cover === cover && place.querySelector("img")) return
    place.dataset.cover = cover ?? ""
    this.#showPicture(row, cover ? webpUrl(cover) : null)
  }

  #showPicture(row, url) {
    const place = slot(row, "cover")
    if (!url) setText(place, initial(slot(row, "title").textContent))
    else place.replaceChildren(Object.assign(new Image(32, 32), { alt: "", src: url }))
  }

  #showAll() {
    for (const row of this.querySelectorAll(".session-row")) this.#show(row)
  }

  #show(row) {
    const words = describe(row.dataset, row === this.#current)
    row.dataset.news = words.news ? "yes" : "no"
    setText(slot(row, "state"), words.text)
  }
}

// Ids rise with the time.
function comesBefore({ id, status }, item) {
  const other = item.firstElementChild.dataset.status
  return (status === "expired") === (other === "expired") ? id > item.dataset.session : other === "expired"
}

function describe({ status, expires, queued, rendering, unread }, current) {
  if (Number(rendering)) return { text: `${rendering} rendering`, news: true }
  if (Number(queued)) return { text: `${queued} queued`, news: true }
  const news = current ? 0 : Number(unread)
  if (news) return { text: `${news < MOST_UNREAD ? news : `${MOST_UNREAD - 1}+`} new`, news: true }
  const ended = status === "expired" || Date.parse(expires) <= now()
  return { text: ended ? "ended" : formatTime(new Date(expires), "left"), news: false }
}

defineLater("beside", "session-list", SessionList)
