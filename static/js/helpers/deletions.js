// Deletions that go on while their page is left. The page that follows may be drawn before the server has done them.
import { remove } from "./api.js"

const KEY = "deletions"

/** Deletes something, also where the page is left before the answer. Rejects as `remove` does. */
export async function removeLeaving(path) {
  store([...underWay(), path])
  try {
    await remove(path, { keepalive: true })
  } finally {
    store(underWay().filter((each) => each !== path))
  }
}

/** Asks once more for what this page shows and the one before was left with, and reloads the page without it. */
export async function finishDeletions() {
  const paths = underWay().filter(isShown)
  store([])
  const ends = await Promise.allSettled(paths.map((path) => remove(path)))
  if (ends.some(({ status }) => status === "fulfilled")) location.reload()
}

function isShown(path) {
  const id = path.slice(path.lastIndexOf("/") + 1)
  return document.querySelector(`main [id$="${id}"], main [data-path$="${id}"]`) !== null
}

function underWay() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? []
  } catch {
    return []
  }
}

function store(paths) {
  try {
    if (paths.length) sessionStorage.setItem(KEY, JSON.stringify(paths))
    else sessionStorage.removeItem(KEY)
  } catch {
    // nothing is stored here: the next load of a list is without what is gone
  }
}
