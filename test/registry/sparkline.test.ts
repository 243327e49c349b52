import { describe, expect, it } from 'vitest'
import { sparkline } from '../../registry/sparkline.js'

describe('a sparkline', () => {
  it('goes from the least to the greatest value, with gaps where there is none', () => {
    expect(sparkline([0, 0.5, null, 1])).toBe('▁▅ █')
    expect(sparkline([3, 2, 1], true)).toBe('#+_')
    expect(sparkline([2, 2])).toBe('▅▅')
    expect(sparkline([NaN, null])).toBe('  ')
    expect(sparkline([])).toBe('')
  })
})
