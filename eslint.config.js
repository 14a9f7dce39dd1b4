import neostandard, { plugins } from 'neostandard'

const tseslint = plugins['typescript-eslint']

const CLOCK = 'Take a Clock (src/core/clock.ts) as a dependency, so that tests can move the time.'
const RANDOM = 'Take the source of randomness as a dependency, so that tests can fix it.'

/** Syntax that may not be used anywhere: what Node cannot erase, and the weaker of two ways to hide a member. */
const BANNED_SYNTAX = [
  { selector: ':matches(PropertyDefinition, MethodDefinition, AccessorProperty)[accessibility="private"]', message: 'Use a #private member: the `private` keyword is gone at run time.' },
  { selector: 'TSParameterProperty', message: 'Declare the field: Node strips types and cannot compile parameter properties.' },
  { selector: 'TSEnumDeclaration', message: 'Use an `as const` object or a union: Node strips types and cannot compile enums.' },
  { selector: 'TSModuleDeclaration:not([declare=true])', message: 'Use a module: Node strips types and cannot compile namespaces.' }
]

const NODE_HTTP = ['http', 'node:http', 'https', 'node:https'].map(name => ({
  name, message: 'The data plane is our own engine; only src/admin and src/kube may use node:http.'
}))

const NODE_TIMERS = ['timers', 'node:timers', 'timers/promises', 'node:timers/promises'].map(name => ({ name, message: CLOCK }))

const KUBERNETES_CLIENT = { name: '@kubernetes/client-node', message: 'Only src/kube knows this library; use its exports.' }

/** A child that inherits the environment prints something else on a terminal, and under the test runner. */
const CHILD = 'Give the child an environment: childEnvironment() of test/helpers/child-environment.ts.'
const UNDEFINED_ENVIRONMENT = [
  { selector: 'CallExpression[callee.name=/^(spawn|spawnSync|fork|exec|execSync|execFile|execFileSync)$/]:not(:has(Property[key.name="env"]))', message: CHILD },
  { selector: 'SpreadElement > MemberExpression[object.name="process"][property.name="env"]', message: CHILD },
  { selector: 'Property[key.name="env"] > MemberExpression[object.name="process"][property.name="env"]', message: CHILD }
]

/** A long text stays in one piece; test/architecture sees to it that it is the text that is long. */
const WIDTH = ['error', { code: 140, ignoreUrls: true, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreRegExpLiterals: true }]

/** Limits of size. Lines are lines of code: comments are not to be saved on. */
const SIZE = {
  'max-lines': ['error', { max: 400, skipComments: true, skipBlankLines: true }],
  'max-lines-per-function': ['error', { max: 80 }],
  'max-params': ['error', { max: 4 }]
}

export default [
  ...neostandard({
    ts: true,
    noJsx: true,
    ignores: ['**/node_modules/', 'dist/', '.tap/', '.weir/', 'bench/results/', 'bench/peers/']
  }),

  { linterOptions: { reportUnusedDisableDirectives: 'error' } },

  { name: 'weir/style', rules: { '@stylistic/arrow-parens': ['error', 'as-needed'] } },

  {
    name: 'weir/typed',
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'error',
      'no-restricted-syntax': ['error', ...BANNED_SYNTAX],
      // The way to say that nobody waits for a promise, which the rule on floating promises asks for.
      'no-void': ['error', { allowAsStatement: true }]
    }
  },

  {
    name: 'weir/source',
    files: ['src/**/*.ts'],
    rules: {
      ...SIZE,
      '@stylistic/max-len': WIDTH,
      complexity: ['error', { max: 15 }],
      'no-console': 'error',
      'no-restricted-imports': ['error', { paths: [...NODE_HTTP, ...NODE_TIMERS, KUBERNETES_CLIENT] }],
      'no-restricted-globals': ['error', ...['setTimeout', 'setInterval', 'setImmediate'].map(name => ({ name, message: CLOCK }))],
      'no-restricted-properties': ['error',
        { object: 'Date', property: 'now', message: CLOCK },
        { object: 'Math', property: 'random', message: RANDOM },
        ...['setTimeout', 'setInterval', 'setImmediate'].map(property => ({ object: 'globalThis', property, message: CLOCK }))
      ],
      'no-restricted-syntax': ['error', ...BANNED_SYNTAX,
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: CLOCK }
      ]
    }
  },

  {
    // Parsers and state machines of the hot path branch once a byte or an event. Cut into pieces to please a number they
    // would pay for calls, and for objects that carry the state between the pieces, on every request.
    name: 'weir/hot',
    files: ['src/{http1,routing,balancing,upstream,exchange,downstream}/**/*.ts'],
    rules: { complexity: ['error', { max: 30 }] }
  },

  {
    // Where the clock, randomness and the turns of the event loop come from.
    name: 'weir/core',
    files: ['src/{core,net}/**/*.ts'],
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': ['error', ...BANNED_SYNTAX],
      'no-restricted-imports': ['error', { paths: [...NODE_HTTP, KUBERNETES_CLIENT] }]
    }
  },

  {
    // The Kubernetes library gives credentials (certificates, agents) in the shape of node:https.
    name: 'weir/kube',
    files: ['src/kube/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: NODE_TIMERS }] }
  },

  {
    name: 'weir/admin',
    files: ['src/admin/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: [...NODE_TIMERS, KUBERNETES_CLIENT] }] }
  },

  {
    name: 'weir/around',
    files: ['scripts/**/*.ts', 'bench/**/*.ts', 'deploy/**/*.ts'],
    rules: { ...SIZE, '@stylistic/max-len': WIDTH, complexity: ['error', { max: 20 }] }
  },

  {
    // A test file is a list of cases, so its outer function is as long as the list; only the file has a limit.
    name: 'weir/test',
    files: ['test/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 600 }],
      'max-params': ['error', { max: 5 }],
      'no-restricted-syntax': ['error', ...BANNED_SYNTAX, ...UNDEFINED_ENVIRONMENT],
      // tap waits for its own subtests.
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafePromises: [{ from: 'package', package: '@tapjs/core', name: 'PromiseWithSubtest' }] }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }]
    }
  },

  {
    name: 'weir/launcher',
    files: ['bin/weir.cjs'],
    // The launcher has to parse on any Node that could be installed, or it could not tell its user what is wrong. Node 12
    // knows import(), which is of 2020, but no other syntax of that year.
    languageOptions: { sourceType: 'commonjs', ecmaVersion: 2020 },
    rules: {
      'no-var': 'off',
      'object-shorthand': 'off',
      'prefer-const': 'off',
      'no-restricted-syntax': ['error', { selector: ':matches(ChainExpression, LogicalExpression[operator="??"])', message: 'Node 12 cannot parse this.' }]
    }
  }
]
