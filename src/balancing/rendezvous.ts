import { combineHashes, mix32 } from '../core/hash.ts'
import type { Balancer, Candidate } from './balancer.ts'

/**
 * Keeps the draw of the endpoint apart from the draw of the version. The clients of a canary of 5 % are those whose hash
 * fell into one corner; used again for the endpoints, that corner would belong to one or two of them.
 */
const ENDPOINT_SALT = 0x2545f491

/**
 * Keeps a client on one endpoint: rendezvous hashing. The eligible candidate with the greatest hash of key and endpoint
 * wins. When one goes, only its own clients move, and they spread over the others; when one comes, it takes an even share
 * from each. The order of the candidates does not matter, so workers and replicas agree.
 *
 * Looks at every candidate, a few nanoseconds each: a version has tens of endpoints, seldom hundreds. A table would
 * be quicker for thousands, but moves clients that need not move.
 */
export class Rendezvous implements Balancer {
  pick (candidates: readonly Candidate[], keyHash: number): number {
    const key = mix32(keyHash ^ ENDPOINT_SALT)
    let winner = -1
    let highest = 0
    for (let index = 0; index < candidates.length; index++) {
      const candidate = candidates[index]
      if (candidate?.eligible !== true) continue
      const score = combineHashes(key, candidate.hash)
      // Compared as signed: in every tier of the compiler those stay off the heap.
      if (winner === -1 || score > highest) {
        highest = score
        winner = index
      }
    }
    return winner
  }
}
