/** The command did its work, and what it found says no: nothing is wrong with the input. */
export class GateRefused extends Error {
  override readonly name = 'GateRefused'
}
