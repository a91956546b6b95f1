// Who signs out leaves nothing behind in this browser. The server asks for it with a cookie beside `Clear-Site-Data`,
// which browsers heed on secure addresses only; whichever page comes next does it, before it reads anything.
const ASKED = /(?:^|; )((?:__Host-)?forget)=/
const LONGEST_MS = 2000 // an old tab may hold a database open; it goes when that tab does

export const forgotten = ASKED.test(document.cookie) ? forget() : Promise.resolve()

async function forget() {
  for (const kind of ["localStorage", "sessionStorage"]) clear(kind)
  tellOtherTabs()
  const all = Promise.allSettled([forgetDatabases(), forgetNotifications()])
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, LONGEST_MS))])
  const [, name] = ASKED.exec(document.cookie) ?? []
  if (name) document.cookie = `${name}=; Path=/; Max-Age=0${location.protocol === "https:" ? "; Secure" : ""}`
}

function clear(kind) {
  try {
    window[kind].clear()
  } catch {
    // kept from us, and so from everybody
  }
}

// Where the browser has cleared it already, clearing it again is told to nobody.
function tellOtherTabs() {
  try {
    localStorage.setItem("viewer", "")
    localStorage.removeItem("viewer")
  } catch {
    // as above
  }
}

async function forgetDatabases() {
  const all = await indexedDB.databases()
  await Promise.all(all.map(({ name }) => deleted(indexedDB.deleteDatabase(name))))
}

function deleted(request) {
  return new Promise((resolve) => (request.onsuccess = request.onerror = resolve))
}

// What the system still shows was told to somebody else.
export async function forgetNotifications() {
  const worker = await navigator.serviceWorker?.getRegistration()
  for (const notice of (await worker?.getNotifications()) ?? []) notice.close()
}
