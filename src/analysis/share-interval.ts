/**
 * Where a share lies, however often one looks, for display: the confidence sequence of a Bernoulli share by the mixture with Beta(1/2,
 * 1/2). A share p is left out when the mixture is 1/alpha times likelier than p.
 */

const HALVINGS = 60

/** The interval in which the share of failures lies, if requests are independent of one another. */
export function shareInterval (failures: number, requests: number, alpha: number): readonly [number, number] {
  if (requests <= 0) return [0, 1]
  const share = failures / requests
  const limit = Math.log(1 / alpha)
  const mixture = lnBeta(0.5 + failures, 0.5 + requests - failures) - lnBeta(0.5, 0.5)
  const isOutside = (p: number): boolean => mixture - timesLn(failures, p) - timesLn(requests - failures, 1 - p) >= limit
  return [failures === 0 ? 0 : edge(isOutside, 0, share), failures === requests ? 1 : edge(isOutside, 1, share)]
}

/** Between a share that is left out and one that is not. */
function edge (isOutside: (p: number) => boolean, outside: number, inside: number): number {
  for (let round = 0; round < HALVINGS; round++) {
    const middle = (outside + inside) / 2
    if (isOutside(middle)) outside = middle
    else inside = middle
  }
  return (outside + inside) / 2
}

function timesLn (count: number, p: number): number {
  return count === 0 ? 0 : count * Math.log(p)
}

function lnBeta (a: number, b: number): number {
  return lnGamma(a) + lnGamma(b) - lnGamma(a + b)
}

/** Stirling's series, which has 15 digits from 10 on; smaller arguments are moved there. */
function lnGamma (x: number): number {
  let shift = 0
  let z = x
  while (z < 10) {
    shift += Math.log(z)
    z++
  }
  const inverse = 1 / (z * z)
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / z
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series - shift
}
