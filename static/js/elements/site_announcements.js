// <site-announcements role="status">: the operator's lines, drawn by the server. Each can be dismissed in this browser,
// which a cookie remembers for the pages that the server draws next, and leaves when it expires.
import { everySecond, secondsUntil } from "../helpers/time.js"

const COOKIE = /(?:^|; )dismissed=([0-9a-f.-]*)/
const MOST_REMEMBERED = 20
const MONTH_SECONDS = 31 * 24 * 3600

const idOf = (line) => line.dataset.announcement
const dismissed = () => (COOKIE.exec(document.cookie)?.[1] ?? "").split(".").filter(Boolean)

function remember(id) {
  const ids = [...dismissed(), id].slice(-MOST_REMEMBERED).join(".")
  const secure = location.protocol === "https:" ? "; Secure" : ""
  document.cookie = `dismissed=${ids}; Path=/; Max-Age=${MONTH_SECONDS}; SameSite=Lax${secure}`
}

export class SiteAnnouncements extends HTMLElement {
  #stop = () => {}

  connectedCallback() {
    this.addEventListener("click", this.onClick)
    this.#stop = everySecond(() => this.#lines.filter((line) => secondsUntil(line.dataset.until) <= 0).forEach(remove))
  }

  disconnectedCallback() {
    this.#stop()
  }

  onClick = ({ target }) => {
    const line = target.closest('[data-action="dismiss"]')?.closest("[data-announcement]")
    if (!line) return
    remember(idOf(line))
    line.remove()
  }

  /** Shows what the server has drawn. The same lines again change nothing, so that they are not read out twice. */
  show(html) {
    const drawn = new DOMParser().parseFromString(html, "text/html")
    const hidden = new Set(dismissed())
    const fresh = [...drawn.querySelectorAll("[data-announcement]")].filter((line) => !hidden.has(idOf(line)))
    if (fresh.map(idOf).join() === this.#lines.map(idOf).join()) return
    this.replaceChildren(...drawn.querySelectorAll("link"), ...fresh)
  }

  get #lines() {
    return [...this.querySelectorAll("[data-announcement]")]
  }
}

const remove = (line) => line.remove()

customElements.define("site-announcements", SiteAnnouncements)
