import { seededRandom } from '../../support/random.js'
import { accountChange } from './account-change.js'
import { billing } from './billing.js'
import { bugReport } from './bug-report.js'
import { cancellation } from './cancellation.js'
import { featureRequest } from './feature-request.js'
import { login } from './login.js'
import { refund } from './refund.js'
import { shipping } from './shipping.js'
import { CLOSERS, OPENERS, SLOTS } from './slots.js'

/** One support ticket; `templates` names the author templates it was expanded from, one per sentence. */
export interface Ticket {
  readonly text: string
  readonly label: string
  readonly templates: readonly string[]
}

export interface Corpus {
  readonly labels: readonly string[]
  readonly train: readonly Ticket[]
  readonly heldOut: readonly Ticket[]
}

/** The templates of each label. `{slot}` takes a filler from `SLOTS`, `[a|b]` one of its alternatives. */
export const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  billing,
  refund,
  login,
  shipping,
  cancellation,
  'bug-report': bugReport,
  'feature-request': featureRequest,
  'account-change': accountChange
}

const HELD_OUT_EVERY = 3
const TICKETS_PER_TEMPLATE = 6
const ATTEMPTS_MAX = 200
/** Share of the tickets that say a second thing about the same matter. */
const TWO_SENTENCES_SHARE = 0.5

interface Template {
  readonly name: string
  readonly text: string
}

/**
 * Expands every template into distinct tickets and splits them by template: every third template is held out with
 * all of its tickets, so that held-out accuracy measures unseen wording. The split does not depend on `seed`.
 */
export function buildCorpus (seed: number): Corpus {
  const random = seededRandom(seed)
  const train: Ticket[] = []
  const heldOut: Ticket[] = []
  const seen = new Set<string>()
  for (const [label, texts] of Object.entries(TEMPLATES)) {
    const templates = texts.map((text, index) => ({ name: `${label}/${index}`, text }))
    const isHeldOut = templates.map((_, index) => index % HELD_OUT_EVERY === HELD_OUT_EVERY - 1)
    train.push(...tickets(label, templates.filter((_, index) => !isHeldOut[index]), random, seen))
    heldOut.push(...tickets(label, templates.filter((_, index) => isHeldOut[index]), random, seen))
  }
  return { labels: Object.keys(TEMPLATES), train, heldOut }
}

function tickets (label: string, templates: readonly Template[], random: () => number, seen: Set<string>): Ticket[] {
  const written: Ticket[] = []
  for (const template of templates) {
    let made = 0
    for (let attempt = 0; attempt < ATTEMPTS_MAX && made < TICKETS_PER_TEMPLATE; attempt++) {
      const second = templates[Math.floor(random() * templates.length)] as Template
      const hasSecond = random() < TWO_SENTENCES_SHARE && second !== template
      const used = hasSecond ? [template, second] : [template]
      const text = expand(used, random)
      if (seen.has(text)) continue
      seen.add(text)
      written.push({ text, label, templates: used.map(({ name }) => name) })
      made++
    }
  }
  return written
}

/** One random ticket of the templates, with an opener and a closer around them. */
function expand (templates: readonly Template[], random: () => number): string {
  const pick = (items: readonly string[]) => items[Math.floor(random() * items.length)] as string
  const sentences = templates.map(({ text }) => {
    const worded = text.replace(/\[([^\]]*)\]/g, (_, alternatives: string) => pick(alternatives.split('|')))
    return /[.?!]$/.test(worded) ? worded : `${worded}.`
  })
  const ticket = pick(OPENERS) + sentences.join(' ') + pick(CLOSERS)
  const filled = ticket.replace(/\{(\w+)\}/g, (_, slot: string) => {
    const fillers = SLOTS[slot]
    if (fillers === undefined) throw new RangeError(`a template names the unknown slot ${slot}`)
    return pick(fillers)
  })
  return filled.replace(/\s+/g, ' ').trim()
}
