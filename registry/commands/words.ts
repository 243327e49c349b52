const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `name:version`. */
export function nameOf ({ name, version }: { readonly name: string, readonly version: string }): string {
  return `${name}:${version}`
}

/** A time in milliseconds as RFC 3339. */
export function timeOf (at: number): string {
  return new Date(at).toISOString()
}

/** The first 12 hex digits of a digest. */
export function shortDigest (digest: string): string {
  return digest.slice('sha256:'.length).slice(0, 12)
}

/** Bytes for people: three digits and a binary unit. */
export function sizeOf (bytes: number): string {
  let value = bytes
  let unit = 0
  for (; Math.abs(value) >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toPrecision(Math.abs(value) >= 1000 ? 4 : 3)} ${UNITS[unit]}`
}

/** `1 blob`, `2 blobs`. */
export function countOf (count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** How long ago something was, for people: the largest unit that fits. */
export function ageOf (at: number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - at) / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`
}
