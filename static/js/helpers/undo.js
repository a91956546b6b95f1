// What is deleted may be taken back for five seconds: until then nobody is asked. Leaving the page does not take it back.
const UNDO_MS = 5000

export function unlessUndone(goes) {
  const end = () => {
    clearTimeout(timer)
    removeEventListener("pagehide", now)
  }
  const now = () => {
    end()
    goes()
  }
  const timer = setTimeout(now, UNDO_MS)
  addEventListener("pagehide", now, { once: true })
  return end
}
