/** The arguments of a call with one place changed; `kind` says whether the new value is of the type expected there. */
export interface Mutation {
  readonly place: string
  readonly what: string
  readonly kind: 'number' | 'text' | 'list' | 'type'
  readonly args: readonly unknown[]
}

interface Variant { readonly what: string, readonly kind: Mutation['kind'], readonly value: unknown }

const LIST_PLACES_MAX = 3

const NUMBERS: readonly number[] = [
  NaN, Infinity, -Infinity, -0, 0, 1, -1, 0.5, 5e-324, 1e308, -1e308, 1e160, 2 ** 53 + 2, 1e6
]

const TEXTS: readonly string[] = [
  '', ' ', '\ud800', 'a\udfff\ud800b', '\ufffd\ufffd', '\0', '__proto__', 'constructor', 'İ\u0301', '\u202e abc'
]

const OTHER_TYPES: ReadonlyArray<readonly [string, unknown]> = [
  ['null', null], ['undefined', undefined], ['a number', 7], ['a text', 'seven'], ['an object', {}], ['a flag', true]
]

/** All arguments with one place changed: every leaf, list and object, of long lists the first, a middle and the last. */
export function mutationsOf (args: readonly unknown[]): Mutation[] {
  return args.flatMap((argument, i) => variantsAt(argument, String(i)).map(({ place, what, kind, value }) => ({
    place, what, kind, args: args.map((other, j) => j === i ? value : other)
  })))
}

type Placed = Variant & { readonly place: string }

function variantsAt (value: unknown, place: string): Placed[] {
  if (isOpaque(value)) return []
  const own = [...variantsOf(value), ...otherTypes(value)].map((variant) => ({ place, ...variant }))
  if (isList(value)) {
    const list = Array.from(value)
    const places = [...new Set([0, Math.floor(list.length / 2), list.length - 1])].filter((i) => i >= 0)
    return [...own, ...places.slice(0, LIST_PLACES_MAX).flatMap((i) => variantsAt(list[i], `${place}[${i}]`)
      .map((inner) => ({ ...inner, value: list.map((item, j) => j === i ? inner.value : item) })))]
  }
  if (typeof value !== 'object' || value === null) return own
  return [...own, ...Object.entries(value).flatMap(([key, child]) => variantsAt(child, `${place}.${key}`)
    .map((inner) => ({ ...inner, value: { ...value, [key]: inner.value } })))]
}

function variantsOf (value: unknown): Variant[] {
  if (typeof value === 'number') return NUMBERS.map((number) => ({ what: String(number), kind: 'number', value: number }))
  if (typeof value === 'string') return TEXTS.map((text) => ({ what: JSON.stringify(text), kind: 'text', value: text }))
  if (!isList(value)) return []
  const list = Array.from(value)
  const lists: Array<[string, unknown[]]> = [
    ['no item', []],
    ['one item', list.slice(0, 1)],
    ['equal items', list.map(() => list[0])],
    ['one item fewer', list.slice(0, -1)],
    ['one item more', [...list, list[0]]]
  ]
  if (list.length > 0 && list.every((item) => typeof item === 'number')) {
    for (const number of [0, -1, 1e308, 5e-324, NaN]) lists.push([`only ${number}`, list.map(() => number)])
    lists.push(['far apart', list.map((_, i) => i % 2 === 0 ? 1e308 : -1e308)])
  }
  return lists.map(([what, items]) => ({ what, kind: 'list', value: items }))
}

function otherTypes (value: unknown): Variant[] {
  if (typeof value === 'object' && value !== null && !isList(value)) return []
  return OTHER_TYPES
    .filter(([, other]) => typeof other !== typeof value || (other === null) !== (value === null))
    .map(([what, other]) => ({ what, kind: 'type', value: other }))
}

export function isList (value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))
}

/** Sources of randomness, maps and sets are passed on as they are. */
function isOpaque (value: unknown): boolean {
  if (typeof value === 'function' || value instanceof Map || value instanceof Set) return true
  return typeof value === 'object' && value !== null && Object.values(value).some((child) => typeof child === 'function')
}
