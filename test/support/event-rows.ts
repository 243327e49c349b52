import { join } from 'node:path'
import { inTransaction, openDatabase } from '../../registry/database.js'
import { EventStore } from '../../registry/events.js'

/** Many events at once, as if another process had written them: a commit each would take long. */
export function writeEvents (dataDir: string, count: number, rolloutId: string, { at = 0, sizeBytes = 10 }: { at?: number, sizeBytes?: number } = {}): void {
  const database = openDatabase(join(dataDir, 'gauntlet.db'))
  try {
    const events = new EventStore(database)
    const body = { reason: 'x'.repeat(sizeBytes) }
    inTransaction(database, (connection) => {
      for (let i = 0; i < count; i++) events.append({ at, type: 'rollout.advance', rolloutId, model: 'm', body }, connection)
    })
  } finally {
    database.$client.close()
  }
}
