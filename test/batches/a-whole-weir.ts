import { runBatch } from '../helpers/batches.ts'

await runBatch('a-whole-weir')
