/**
 * What `npm run check exports` and `npm run check unused` look for.
 *
 * `exports`: a file, or an export, that no other file imports, tests included. An export that only its own file uses loses the word `export`.
 * `unused` (--production): a file, or an export, that neither the program nor scripts/ reach: tests and benchmarks alone. A limit that its own file uses may be imported by a test.
 * Packages are left to test/architecture, which knows the reasons in docs/adr.
 */
/** Programs that tests start by their path. */
const STARTED = ['test/helpers/chaos-worker-killer.ts', 'test/helpers/pod-process.ts']

const production = process.argv.includes('--production')

/** @type {import('knip').KnipConfig} */
export default {
  entry: ['src/main.ts!', 'src/worker/worker.ts!', 'scripts/*.ts!', 'bench/*.ts', 'bench/scenarios/*.ts', 'deploy/**/*.ts', 'test/{.,batches}/*.ts', 'test/**/*.test.ts', ...STARTED],
  project: production ? ['{src,scripts}/**/*.ts!'] : ['{src,scripts,bench,deploy,test}/**/*.ts', '!bench/peers/**', '!test/fixtures/**'],
  include: ['files', 'exports', 'types', 'duplicates'],
  ignoreExportsUsedInFile: production
}
