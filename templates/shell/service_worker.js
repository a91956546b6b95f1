// Caches the static files and the offline page, which is shown when there is no network. Pages, pictures and the API
// always come from the server.
const FILES = [{% for file in files %}"{{ file }}", {% endfor %}"/offline"]
const CACHE = "shell-" + FILES.map((file) => file.split("/")[2]).join("-")

self.addEventListener("install", (event) => {
  event.waitUntil(cacheFiles().then(() => self.skipWaiting()))
})

self.addEventListener("activate", (event) => {
  event.waitUntil(deleteOldCaches().then(() => self.clients.claim()))
})

self.addEventListener("fetch", (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  // Requests of a page that is being left: unless they pass through the worker, the browser drops them with the page.
  if (origin !== self.location.origin) return
  if (request.keepalive && request.method !== "GET") return event.respondWith(fetch(request))
  if (request.method !== "GET") return
  if (request.mode === "navigate" && !pathname.startsWith("/files/")) event.respondWith(fetchPage(request))
  else if (FILES.includes(pathname)) event.respondWith(fetchCached(request))
})

// Without credentials: cached files are shown to whoever uses this browser next.
async function cacheFiles() {
  const cache = await caches.open(CACHE)
  await cache.addAll(FILES.map((file) => new Request(file, { credentials: "omit" })))
}

async function fetchPage(request) {
  try {
    return await fetch(request)
  } catch {
    return (await cached("/offline")) ?? Response.error()
  }
}

async function fetchCached(request) {
  return (await cached(request)) ?? fetch(request)
}

// Nothing where the browser cannot read its own storage, which is no reason to show an error for what the server has.
function cached(request) {
  return caches.match(request).catch(() => undefined)
}

// A click on a notification opens the session that it is about.
self.addEventListener("notificationclick", (event) => {
  event.notification.close()
  event.waitUntil(showPage(event.notification.data))
})

async function showPage(path) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true })
  const open = pages.find((page) => new URL(page.url).pathname === path)
  return open ? open.focus() : self.clients.openWindow(path)
}

async function deleteOldCaches() {
  const names = await caches.keys()
  const old = names.filter((name) => name.startsWith("shell-") && name !== CACHE)
  await Promise.all(old.map((name) => caches.delete(name)))
}
