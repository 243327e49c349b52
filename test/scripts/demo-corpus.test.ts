import { describe, expect, it } from 'vitest'
import { buildCorpus, TEMPLATES, type Ticket } from '../../scripts/demo/corpus/index.js'
import { SLOTS } from '../../scripts/demo/corpus/slots.js'

const corpus = buildCorpus(5)
const both = [...corpus.train, ...corpus.heldOut]
const templatesOf = (tickets: readonly Ticket[]) => new Set(tickets.flatMap(({ templates }) => templates))
const textsOf = (tickets: readonly Ticket[]) => new Set(tickets.map(({ text }) => text))

describe('the demo corpus', () => {
  it('has eight labels and at least a thousand tickets, all distinct', () => {
    expect(corpus.labels).toHaveLength(8)
    expect(both.length).toBeGreaterThanOrEqual(1000)
    expect(corpus.heldOut.length).toBeGreaterThanOrEqual(250)
    expect(textsOf(both).size).toBe(both.length)
  })

  it('has every template in exactly one of the two splits', () => {
    const trained = templatesOf(corpus.train)
    const heldOut = templatesOf(corpus.heldOut)

    expect([...heldOut].filter((name) => trained.has(name))).toEqual([])
    expect(trained.size + heldOut.size).toBe(Object.values(TEMPLATES).flat().length)
  })

  it('has no template twice, under one label or under two', () => {
    const all = Object.values(TEMPLATES).flat()

    expect(new Set(all).size).toBe(all.length)
  })

  it('gives every label a similar share of both splits', () => {
    for (const tickets of [corpus.train, corpus.heldOut]) {
      for (const label of corpus.labels) {
        const share = tickets.filter((ticket) => ticket.label === label).length / tickets.length
        expect(share).toBeGreaterThan(0.1)
        expect(share).toBeLessThan(0.15)
      }
    }
  })

  it('leaves no mark of a template in a ticket', () => {
    expect(both.filter(({ text }) => /[[\]{}|]|undefined|\s\s/.test(text))).toEqual([])
  })

  it('uses every slot under at least two labels, so that no filler gives the label away', () => {
    for (const slot of Object.keys(SLOTS)) {
      const users = Object.entries(TEMPLATES).filter(([, texts]) => texts.some((text) => text.includes(`{${slot}}`)))
      expect([slot, users.length >= 2]).toEqual([slot, true])
    }
  })

  it('is the same for the same seed, worded otherwise for another, and split the same for both', () => {
    const other = buildCorpus(6)

    expect(buildCorpus(5)).toEqual(corpus)
    expect(textsOf(other.heldOut)).not.toEqual(textsOf(corpus.heldOut))
    expect(templatesOf(other.heldOut)).toEqual(templatesOf(corpus.heldOut))
  })
})
