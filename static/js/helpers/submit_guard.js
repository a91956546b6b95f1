// A form that is on its way is not sent once more: a second press on Start would buy a second session.
const LONGEST_MS = 10_000 // for an answer that never comes

/** Watches the forms that lead to another page. */
export function guardSubmits() {
  const sent = new WeakMap() // form to when
  addEventListener("submit", (event) => {
    const { target, defaultPrevented, timeStamp } = event
    const leads = target.method === "post" && !("downloads" in target.dataset)
    if (defaultPrevented || !leads) return
    if (timeStamp - (sent.get(target) ?? -LONGEST_MS) < LONGEST_MS) event.preventDefault()
    else sent.set(target, timeStamp)
  })
  // Back from the next page, it may be sent again.
  addEventListener("pageshow", () => {
    for (const form of document.forms) sent.delete(form)
  })
}
