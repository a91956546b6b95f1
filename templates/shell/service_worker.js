// Keeps the frame of the product, so that without a network people see words and not the browser's dinosaur.
// Pages, pictures and the API always come from the server.
const FILES = [{% for file in files %}"{{ file }}", {% endfor %}"/offline"]
const CACHE = "shell-" + FILES.map((file) => file.split("/")[2]).join("-")

self.addEventListener("install", (event) => {
  event.waitUntil(keepFrame().then(() => self.skipWaiting()))
})

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOlder().then(() => self.clients.claim()))
})

self.addEventListener("fetch", (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  // What a page asks for while it is left: without us the browser would drop it together with the page.
  if (request.keepalive && request.method !== "GET" && origin === self.location.origin) return event.respondWith(fetch(request))
  if (request.method !== "GET" || origin !== self.location.origin) return
  if (request.mode === "navigate" && !pathname.startsWith("/files/")) event.respondWith(fetchPage(request))
  else if (FILES.includes(pathname)) event.respondWith(fetchKept(request))
})

// Fetched as by a stranger: what is kept here is shown to whoever comes next.
async function keepFrame() {
  const cache = await caches.open(CACHE)
  await cache.addAll(FILES.map((file) => new Request(file, { credentials: "omit" })))
}

async function fetchPage(request) {
  try {
    return await fetch(request)
  } catch {
    return (await caches.match("/offline")) ?? Response.error()
  }
}

async function fetchKept(request) {
  return (await caches.match(request)) ?? fetch(request)
}

// A press on a notification leads to the room that it is about.
self.addEventListener("notificationclick", (event) => {
  event.notification.close()
  event.waitUntil(showPage(event.notification.data))
})

async function showPage(path) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true })
  const open = pages.find((page) => new URL(page.url).pathname === path)
  return open ? open.focus() : self.clients.openWindow(path)
}

async function forgetOlder() {
  const names = await caches.keys()
  await Promise.all(names.filter((name) => name.startsWith("shell-") && name !== CACHE).map((name) => caches.delete(name)))
}
