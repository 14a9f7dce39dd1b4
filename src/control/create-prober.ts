import { Random } from '../core/random.ts'
import { HealthProber } from './health-prober.ts'
import type { HealthProberDeps } from './health-prober.ts'
import type { HttpProbe } from './http-probe.ts'

/** The prober of the running program. Its HTTP client is loaded with the first probe: a Weir without active checks does without it. */
export function createProber (deps: Omit<HealthProberDeps, 'probe' | 'random'>): HealthProber {
  const random = new Random()
  let loading: Promise<HttpProbe> | undefined
  return new HealthProber({
    ...deps,
    random: () => random.nextInt32(),
    probe: async (target, signal) => {
      loading ??= import('./http-probe.ts').then(({ HttpProbe }) => new HttpProbe())
      return await (await loading).run(target, signal)
    }
  })
}
