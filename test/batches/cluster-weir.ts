import { runBatch } from '../helpers/batches.ts'

await runBatch('cluster-weir')
