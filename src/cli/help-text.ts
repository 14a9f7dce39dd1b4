import { assertNever } from '../core/assert-never.ts'
import type { ConfigOption } from '../config/options.ts'
import type { HelpTopic } from './arguments.ts'

const WEIR = `Weir splits HTTP traffic between versions of a service.

Usage:
  weir run --config FILE [flags]        run the proxy
  weir run --quick 'stable=localhost:3000*90,canary=localhost:3001*10' [--port 8080]
                                        split between programs of this machine, without a file
  weir validate FILE [flags]            check a configuration and exit
  weir wait --tcp db:5432 [flags]       wait until something is there: weir help wait
  weir state export|import --config FILE
                                        weights and history out of their store, or into it: weir help state

Of a Weir that runs:
  weir status [ROUTE] [--watch]         routes with their weights, or one with its versions and endpoints
  weir rollout start ROUTE [flags]      move traffic step by step; status, watch, report, pause, resume, promote, abort, retry
  weir verdict ROUTE                    is the new version good? In numbers
  weir weights ROUTE stable=75 canary=25
  weir switch ROUTE VERSION             all traffic to one version
  weir undo ROUTE [--to REVISION]       back to earlier weights
  weir history ROUTE                    who changed what, when and why
  weir explain ROUTE --ip ADDRESS       which version a client gets, and why
  weir plan ROUTE stable=50 canary=50   what a change of weights would move, without making it
  weir drain ROUTE VERSION [--wait]     may the version be scaled down?
  weir list show|add|remove|import ROUTE … who is on the lists of a route
  weir shadow status|examples ROUTE     what has come of copies of requests
  weir token version ROUTE VERSION --key-file FILE
                                        a signed override: who has it gets the version
  weir replicas                         the replicas of this Weir, and how far each is behind
  weir contexts                         the servers of your own file
  weir completion bash|zsh|fish         completion for a shell

  weir help run                         list the flags; weir help COMMAND [VERB] for any other
  weir --help                           print this text
  weir --version                        print the version

The file may also be named by WEIR_CONFIG. Every option of the configuration that is a single value can be given by a
flag or an environment variable: flags win over the environment, which wins over the file.

Exit codes: 0 all is well, 1 the configuration is wrong, Weir failed, refused or waited in vain, 2 the arguments are wrong: an unknown command or
flag, a flag with a wrong value, no configuration named; 3 a change that not all have applied in time, a version that is not safe to scale down, a
rollout that is not over in time, a verdict that is undecided; 4 the rollout failed or was aborted.

Relative paths, on the command line as in the file, begin at the directory in which Weir is started.
`

const RUN = `Usage: weir run --config FILE [flags]
       weir run --quick VERSIONS [--port PORT] [flags]

Runs the proxy until SIGTERM or SIGINT, then finishes the requests in flight and exits. The configuration is read again
when its file changes.

--quick stands in place of a file: versions as name=host:port*weight with commas between, such as
'stable=localhost:3000*90,canary=localhost:3001*10', behind 127.0.0.1 and PORT, 8080 by default. Weights set at run time
are forgotten at the end.
`

const VALIDATE = `Usage: weir validate [--offline] FILE [flags]
       weir validate [--offline] - [flags]

Checks a configuration as \`weir run\` would, prints every fault with its place, and exits: 0 when it is valid, 1 when not,
2 when the arguments are wrong. \`-\` reads it from standard input; --config FILE and WEIR_CONFIG name it too.

The files that it names are tried as well: certificates, keys, authorities, tokens and the kubeconfig have to be there and
right, the state and the access log have to be writable. Ports are not tried.

  --offline
      Leaves those files alone: they may be only where Weir will run.
`

const WAIT = `Usage: weir wait CONDITION... [--timeout 5m] [--quiet]

Waits until each CONDITION holds, one after the other, looks four times a second, and says once a second what it waits for:
for init containers and scripts. Exits with 0, with 1 when the time is over, with 2 when the arguments are wrong.

  --tcp HOST:PORT     something accepts connections there
  --http URL          a GET is answered with a status from 200 to 399
  --dns NAME          the name has an address
  --route R --version V [--endpoints N]
                      the version of the route has N endpoints (1) that requests go to, as the admin API of a running Weir says
  --admin URL         where that is; http://127.0.0.1:9901
  --token-file FILE   the token that it wants
  --timeout DURATION  the longest time for all of it, such as 30s or 5m; 0s looks once
  --quiet, -q         print nothing but what was missing at the end

--tcp, --http and --dns may be given several times.
`

const STATE = `Usage: weir state export --config FILE [flags] > state.json
       weir state import --config FILE [flags] < state.json

Writes the weights that were set at run time, with their history, to standard output, or stores those from standard input:
from a file to Kubernetes, for a backup, or from one cluster to another one. The store is that of the configuration
(state.store). Both work while replicas run on a ConfigMap, which take over what is imported; a file can be exported while
Weir runs on it, and imported into when it does not. Routes that are not imported stay as they are.
`

/**
 * The help of a topic.
 * @param options what can be given by flags
 */
export function helpText (topic: HelpTopic, options: readonly ConfigOption[]): string {
  switch (topic) {
    case 'weir': return WEIR
    case 'run': return `${RUN}\n${describeFlags(options)}`
    case 'wait': return WAIT
    case 'state': return STATE
    case 'validate': return `${VALIDATE}\n${describeFlags(options)}`
    default: return assertNever(topic)
  }
}

function describeFlags (options: readonly ConfigOption[]): string {
  const lines = options.map(({ flag, env, type, default: standard, description }) =>
    `  ${flag}\n      ${description}\n      ${type}${standard === null || standard === '' ? '' : `; default ${standard}`}; environment ${env}`)
  return `Flags:\n  --config FILE, -c FILE\n      The configuration; by default the file that WEIR_CONFIG names.\n${lines.join('\n')}\n`
}
