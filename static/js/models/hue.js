// Which of the twelve person colours somebody has: CRC-32 of the id modulo 12, as the server reckons it (web/filters.py).
export function hue(id) {
  let crc = ~0
  for (const byte of new TextEncoder().encode(id)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (~crc >>> 0) % 12
}
