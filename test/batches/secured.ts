import { runBatch } from '../helpers/batches.ts'

await runBatch('secured')
