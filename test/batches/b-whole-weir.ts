import { runBatch } from '../helpers/batches.ts'

await runBatch('b-whole-weir')
