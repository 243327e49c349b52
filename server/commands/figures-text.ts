const DIGITS = 4

/** A number for people: four significant digits, without an exponent as far as that can be read. */
export function figure (value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1e15 || size < 1e-6) return value.toExponential(DIGITS - 1)
  return value.toFixed(Math.min(12, Math.max(0, DIGITS - 1 - Math.floor(Math.log10(size)))))
}

/** A number between 0 and 1, or any score, with four places behind the point. */
export function score (value: number | null): string {
  return value === null ? '-' : value.toFixed(DIGITS)
}

/** A difference: as {@link score}, always with its sign. */
export function signed (value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(DIGITS)}`
}

interface Bounds { readonly lower: number, readonly upper: number }

/** `[lower, upper]`, each shown by `show`. */
export function interval (bounds: Bounds | null, show: (value: number) => string): string {
  return bounds === null ? '-' : `[${show(bounds.lower)}, ${show(bounds.upper)}]`
}
