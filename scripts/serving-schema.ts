import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { servingSchemaDocument } from '../registry/serving/document.js'

/** Writes docs/serving.schema.json from the schema that is enforced; a test compares the two. */
const path = fileURLToPath(new URL('../docs/serving.schema.json', import.meta.url))
writeFileSync(path, `${JSON.stringify(servingSchemaDocument(), null, 2)}\n`)
console.log(`wrote ${path}`)
