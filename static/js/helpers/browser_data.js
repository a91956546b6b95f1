// Clears what this browser stores when a person has signed out. The server asks for it with a cookie beside
// `Clear-Site-Data`, which browsers obey in secure contexts only; the next page does it before it reads anything.
const ASKED = /(?:^|; )((?:__Host-)?forget)=/
const LONGEST_MS = 2000 // an old tab may keep a database open; it is deleted when that tab closes

/** Resolves when everything is cleared, or at once where nothing has to be. */
export const browserDataCleared = ASKED.test(document.cookie) ? clearBrowserData() : Promise.resolve()

async function clearBrowserData() {
  for (const kind of ["localStorage", "sessionStorage"]) clear(kind)
  notifyOtherTabs()
  const all = Promise.allSettled([deleteDatabases(), closeNotifications()])
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, LONGEST_MS))])
  const [, name] = ASKED.exec(document.cookie) ?? []
  if (name) document.cookie = `${name}=; Path=/; Max-Age=0${location.protocol === "https:" ? "; Secure" : ""}`
}

function clear(kind) {
  try {
    window[kind].clear()
  } catch {
    // no access, so nothing was stored
  }
}

// Where the browser has cleared its storage already, clearing it again triggers no event in other tabs.
function notifyOtherTabs() {
  try {
    localStorage.setItem("viewer", "")
    localStorage.removeItem("viewer")
  } catch {
    // as above
  }
}

async function deleteDatabases() {
  const all = await indexedDB.databases()
  await Promise.all(all.map(({ name }) => settled(indexedDB.deleteDatabase(name))))
}

function settled(request) {
  return new Promise((resolve) => (request.onsuccess = request.onerror = resolve))
}

/** Closes the notifications that the system still shows: they were meant for the person who has signed out. */
export async function closeNotifications() {
  const worker = await navigator.serviceWorker?.getRegistration()
  for (const notification of (await worker?.getNotifications()) ?? []) notification.close()
}
