import { EvaluatorError } from '../errors.js'

/** A value of a JSON document together with where it stands, so that every complaint names the place. */
export class JsonPlace {
  constructor (readonly value: unknown, readonly path: string) {}

  /** Whether something stands here; null counts as nothing. */
  get exists (): boolean {
    return this.value !== undefined && this.value !== null
  }

  /** The place of a field; nothing stands there when this is nothing. @throws EvaluatorError MALFORMED if no object */
  field (name: string): JsonPlace {
    if (!this.exists) return new JsonPlace(undefined, this.#pathOf(name))
    const fields = this.#object()
    return new JsonPlace(Object.hasOwn(fields, name) ? fields[name] : undefined, this.#pathOf(name))
  }

  /** Name and place of each field; none where nothing stands. @throws EvaluatorError MALFORMED if no object */
  fields (): Array<[string, JsonPlace]> {
    if (!this.exists) return []
    return Object.entries(this.#object()).map(([name, value]) => [name, new JsonPlace(value, this.#pathOf(name))])
  }

  /** The places of a list's items; none where nothing stands. @throws EvaluatorError MALFORMED if no list */
  items (): JsonPlace[] {
    if (!this.exists) return []
    if (!Array.isArray(this.value)) throw this.fault('a list')
    return this.value.map((value, i) => new JsonPlace(value, `${this.path}[${i}]`))
  }

  /** A string that is not empty. @throws EvaluatorError MALFORMED */
  text (): string {
    if (typeof this.value !== 'string' || this.value === '') throw this.fault('a string that is not empty')
    return this.value
  }

  /** A finite number, also written as a string; null where nothing stands. @throws EvaluatorError MALFORMED */
  number (): number | null {
    if (!this.exists) return null
    const written = typeof this.value === 'string' && this.value.trim() !== '' ? Number(this.value) : this.value
    if (typeof written !== 'number' || !Number.isFinite(written)) throw this.fault('a finite number')
    return written
  }

  /** True or false, also written as a string; false where nothing stands. @throws EvaluatorError MALFORMED */
  flag (): boolean {
    if (!this.exists) return false
    const written = typeof this.value === 'string' ? this.value.toLowerCase() : this.value
    if (written === true || written === 'true') return true
    if (written === false || written === 'false') return false
    throw this.fault('true or false')
  }

  /** One of the words, or the first of them for any other string or nothing. @throws EvaluatorError MALFORMED */
  choice<Word extends string> (words: readonly [Word, ...Word[]]): Word {
    if (!this.exists) return words[0]
    if (typeof this.value !== 'string') throw this.fault('a string')
    return words.find((word) => word === this.value) ?? words[0]
  }

  /** The error that this place does not hold what was expected. */
  fault (expected: string): EvaluatorError {
    return new EvaluatorError('MALFORMED', this.path, `expected ${expected}, got ${shorten(this.value)}`)
  }

  #object (): Record<string, unknown> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value) || ArrayBuffer.isView(this.value)) {
      throw this.fault('an object')
    }
    return this.value as Record<string, unknown>
  }

  #pathOf (name: string): string {
    return /^[A-Za-z_$][\w$]*$/.test(name) ? `${this.path}.${name}` : `${this.path}[${JSON.stringify(name)}]`
  }
}

const SHOWN_MAX = 60

function shorten (value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'object' ? JSON.stringify(value) : typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text
}
