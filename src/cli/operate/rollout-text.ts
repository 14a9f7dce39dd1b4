/** What is printed of a rollout: one line, all of it, and the verdict in numbers. */
import { answerAt, answersAt, flagAt, numberAt, numbersAt, textAt, textsAt, type AdminAnswer } from './admin-api.ts'
import { clean, cleanLine, gauge, percent, table, type Cell, type Colour, type Palette } from './terminal.ts'

const BAR_WIDTH = 10
/** Of a long plan the steps around the present one are shown. */
const STEPS_SHOWN = 12

const COLOURS: Readonly<Record<string, Colour>> = {
  Progressing: 'cyan', Paused: 'yellow', Healthy: 'green', Degraded: 'red', Aborted: 'red', pass: 'green', fail: 'red', undecided: 'yellow'
}

/** Has it ended, and how? */
export function endOf (rollout: AdminAnswer): 'good' | 'bad' | undefined {
  const phase = textAt(rollout, 'phase')
  if (phase === 'Healthy') return 'good'
  return phase === 'Degraded' || phase === 'Aborted' ? 'bad' : undefined
}

/** `Progressing, step 2 of 5: analyse 2m` */
export function phaseText (rollout: AdminAnswer, palette: Palette): string {
  const painted = paintedPhase(rollout, palette)
  return endOf(rollout) === undefined ? `${painted}, ${clean(stepText(rollout))}` : painted
}

function paintedPhase (rollout: AdminAnswer, palette: Palette): string {
  const phase = textAt(rollout, 'phase') ?? '?'
  return palette.paint(COLOURS[phase] ?? 'bold', clean(phase))
}

function stepText (rollout: AdminAnswer): string {
  const steps = answersAt(rollout, 'steps')
  const step = numberAt(rollout, 'step') ?? 0
  const present = steps[step]
  return present === undefined ? 'all steps are done, and it is watched' : `step ${step + 1} of ${steps.length}: ${textAt(present, 'text') ?? '?'}`
}

/** A line that says how it stands; the sentence counts the steps. */
export function rolloutLine (rollout: AdminAnswer, palette: Palette): string {
  const sentence = textAt(rollout, 'sentence') ?? ''
  const step = answersAt(rollout, 'steps')[numberAt(rollout, 'step') ?? 0]
  const doing = endOf(rollout) === undefined && step !== undefined ? `, ${textAt(step, 'text') ?? '?'}` : ''
  return `${name(rollout, palette)}: ${paintedPhase(rollout, palette)}${cleanLine(`${doing}: ${sentence}`)}`
}

function name (rollout: AdminAnswer, palette: Palette): string {
  return palette.paint('bold', clean(textAt(rollout, 'route') ?? '?'))
}

/** What may come next, as it is typed. */
export function nextText (rollout: AdminAnswer): string {
  const route = clean(textAt(rollout, 'route') ?? 'ROUTE')
  const possible = textsAt(rollout, 'possible')
  const anew = `next: weir rollout start ${route} begins another one\n`
  switch (textAt(rollout, 'phase')) {
    case 'Paused': return `next: weir rollout resume ${route} goes on, weir rollout abort ${route} goes back\n`
    case 'Healthy': return possible.includes('undo') ? `next: weir undo ${route} would go back\n` : anew
    case 'Degraded':
    case 'Aborted': return possible.includes('retry') ? `next: weir rollout retry ${route} begins it again\n` : anew
    default: return `next: weir rollout status ${route} waits until it is over, weir rollout watch ${route} shows it\n`
  }
}

/** All of it, and what may come next. */
export function rolloutPage (rollout: AdminAnswer, palette: Palette, wide: boolean): string {
  return `${rolloutText(rollout, palette, wide)}\n${nextText(rollout)}`
}

/** Where it is, its steps, the verdict. */
function rolloutText (rollout: AdminAnswer, palette: Palette, wide: boolean): string {
  const pending = textAt(rollout, 'pending')
  const since = (textAt(rollout, 'since') ?? '?').replace(/\.\d+Z$/, 'Z')
  const verdict = answerAt(rollout, 'verdict')
  const why = textAt(verdict, 'reason')
  // What the verdict says is said once.
  const said = (text: string): boolean => why !== undefined && text.includes(why)
  const tell = said(textAt(rollout, 'sentence') ?? '') ? numbersText : verdictText
  const reason = textAt(rollout, 'reason') ?? ''
  const who = [textAt(rollout, 'actor') ?? '', said(reason) ? '' : reason].filter(text => text !== '').join(': ')
  const notes = [
    ...(pending === undefined ? [] : [pending]),
    ...(flagAt(rollout, 'defaultDiffers') === true ? ['the plan in the configuration is another one by now; this rollout keeps its own'] : [])
  ]
  const ways = `${textAt(rollout, 'from') ?? '?'} to ${textAt(rollout, 'to') ?? '?'}, since ${since}${who === '' ? '' : `, ${who}`}`
  return [
    `${name(rollout, palette)}   ${phaseText(rollout, palette)}   ${palette.paint('dim', clean(ways))}\n`,
    ...sentenceLines(rollout),
    ...notes.map(note => palette.paint('yellow', clean(note)) + '\n'),
    '\n',
    stepsText(rollout, palette),
    ...(verdict === undefined ? [] : ['\n', tell(verdict, palette, wide)])
  ].join('')
}

function sentenceLines (rollout: AdminAnswer): readonly string[] {
  const sentence = textAt(rollout, 'sentence')
  return sentence === undefined ? [] : [cleanLine(sentence)]
}

const MARKS: Readonly<Record<string, Cell>> = {
  done: { text: '✓', colour: 'green' }, now: { text: '▶', colour: 'cyan' }, bad: { text: '✗', colour: 'red' }
}

function stepsText (rollout: AdminAnswer, palette: Palette): string {
  const steps = answersAt(rollout, 'steps')
  const present = numberAt(rollout, 'step') ?? 0
  const first = steps.length <= STEPS_SHOWN ? 0 : Math.max(0, Math.min(present - STEPS_SHOWN / 2, steps.length - STEPS_SHOWN))
  const shown = steps.slice(first, first + STEPS_SHOWN)
  const share = numberAt(rollout, 'shareTo') ?? 0
  const waitsFor = textAt(rollout, 'waitsFor') ?? ''
  const rows = shown.map((step, index): readonly Cell[] => {
    const state = textAt(step, 'state') ?? ''
    const isNow = state === 'now'
    return [
      MARKS[endOf(rollout) === 'bad' && first + index === present ? 'bad' : state] ?? '',
      String(first + index + 1),
      isNow ? { text: textAt(step, 'text') ?? '', colour: 'bold' } : textAt(step, 'text') ?? '',
      { text: percentGauge(isNow ? share : numberAt(step, 'weight')), colour: isNow ? 'cyan' : 'dim' },
      isNow ? waitsFor : ''
    ]
  })
  if (present >= steps.length && waitsFor !== '') {
    rows.push([
      MARKS['now'] ?? '', '', { text: 'watch', colour: 'bold' }, { text: percentGauge(share), colour: 'cyan' }, waitsFor
    ])
  }
  const hidden = steps.length - shown.length
  return table(['', 'STEP', 'DOES', 'SHARE OF NEW', 'WAITS FOR'], rows, palette) + (hidden > 0 ? `${hidden} more steps are not shown; -o json has them\n` : '')
}

/** Empty for a step that moves nothing. */
function percentGauge (weight: number | undefined): string {
  return weight === undefined ? '' : gauge(weight / 100, BAR_WIDTH)
}

/** The verdict, what was counted, and how far the tests are. */
export function verdictText (verdict: AdminAnswer, palette: Palette, wide: boolean): string {
  const word = textAt(verdict, 'verdict') ?? '?'
  const head = `${palette.paint(COLOURS[word] ?? 'bold', clean(word))}: ${cleanLine(textAt(verdict, 'reason') ?? '')}`
  return [head, numbersText(verdict, palette, wide)].filter(text => text !== '').join('\n')
}

/** What was counted, and how far the tests are. */
function numbersText (verdict: AdminAnswer, palette: Palette, wide: boolean): string {
  const counts = countsText(verdict, palette)
  const tests = testsText(verdict, palette)
  const more = wide ? moreText(verdict) : ''
  return [counts, tests, more].filter(text => text !== '').join('\n')
}

function countsText (verdict: AdminAnswer, palette: Palette): string {
  const rows = (['from', 'to'] as const).flatMap((side): ReadonlyArray<readonly Cell[]> => {
    const numbers = answerAt(verdict, side)
    if (numbers === undefined) return []
    const requests = numberAt(numbers, 'requests') ?? 0
    const share = (count: string): string => requests === 0 ? '-' : percent((numberAt(numbers, count) ?? 0) / requests)
    return [[
      side === 'from' ? 'old' : 'new',
      String(requests),
      String(numberAt(numbers, 'failures') ?? 0),
      share('failures'),
      intervalText(numbers),
      String(numberAt(numbers, 'slow') ?? 0),
      share('slow')
    ]]
  })
  return rows.length === 0 ? '' : table(['VERSION', 'REQUESTS', 'FAILED', 'SHARE', 'BETWEEN', 'SLOW', 'SHARE'], rows, palette)
}

function intervalText (numbers: AdminAnswer): string {
  const interval = numbers['interval']
  if (!Array.isArray(interval)) return '-'
  const [low, high]: readonly unknown[] = interval
  return typeof low === 'number' && typeof high === 'number' ? `${percent(low)} and ${percent(high)}` : '-'
}

function testsText (verdict: AdminAnswer, palette: Palette): string {
  const rows = (['errors', 'slow'] as const).flatMap((kind): ReadonlyArray<readonly Cell[]> => {
    const test = answerAt(verdict, kind)
    if (test === undefined) return []
    const fail = towards(test, 'evidence', 'threshold')
    const pass = towards(test, 'passEvidence', 'passThreshold')
    return [[
      kind,
      `${signed(numberAt(test, 'difference') ?? 0)} (allowed ${percent(numberAt(test, 'allowed') ?? 0)})`,
      `${numberAt(test, 'clientsOnNew') ?? '?'} of ${numberAt(test, 'clients') ?? '?'}`,
      fail.text,
      { text: fail.bar, colour: 'red' },
      pass.text,
      { text: pass.bar, colour: 'green' }
    ]]
  })
  return rows.length === 0 ? '' : table(['TEST', 'NEW MINUS OLD', 'CLIENTS ON NEW', 'TO A FAIL', '', 'TO A PASS', ''], rows, palette)
}

/** `1.4 of 1000`, and a bar by orders of magnitude: evidence multiplies. */
function towards (test: AdminAnswer, value: string, bound: string): { readonly text: string, readonly bar: string } {
  const evidence = numberAt(test, value)
  const threshold = numberAt(test, bound)
  if (evidence === undefined || threshold === undefined) return { text: '-', bar: '' }
  const share = evidence <= 1 || threshold <= 1 ? 0 : Math.min(1, Math.log(evidence) / Math.log(threshold))
  return { text: `${short(evidence)} of ${short(threshold)}`, bar: gauge(share, BAR_WIDTH) }
}

function short (value: number): string {
  if (value >= 10_000) return value.toExponential(1)
  return String(Number(value.toPrecision(3)))
}

function signed (share: number): string {
  return share < 0 ? `-${percent(-share)}` : `+${percent(share)}`
}

function moreText (verdict: AdminAnswer): string {
  const heaviest = answerAt(verdict, 'heaviest')
  const sentinel = answerAt(verdict, 'sentinel')
  const pairs = answerAt(verdict, 'pairs')
  const copies = answerAt(verdict, 'copies')
  const clients = numberAt(verdict, 'clients')
  const lines = [
    ...(clients === undefined ? [] : [`clients seen: about ${Math.round(clients)}`]),
    ...(heaviest === undefined ? [] : [`most failures on the new version: ${textAt(heaviest, 'key') ?? '?'}, ${percent(numberAt(heaviest, 'share') ?? 0)} of them`]),
    ...(pairs === undefined ? [] : [`pairs, of one request on both versions: evidence ${short(numberAt(pairs, 'evidence') ?? 0)}`]),
    ...(copies === undefined ? [] : [copiesText(copies)]),
    ...(sentinel === undefined ? [] : [`two halves of the old version against each other: evidence ${short(numberAt(sentinel, 'evidence') ?? 0)}${flagAt(sentinel, 'silent') === false ? ', so counts of requests do not decide' : ''}`])
  ]
  return lines.map(cleanLine).join('')
}

function copiesText (copies: AdminAnswer): string {
  const count = (name: string): number => numberAt(copies, name) ?? 0
  const failed = `${count('failed')} failed here alone, ${count('realFailed')} on the old version alone, ${count('bothFailed')} on both; ${count('different')} answered differently`
  return `copies of ${count('requests')} requests: ${failed}; evidence ${towards(copies, 'evidence', 'threshold').text}, for a pass ${towards(copies, 'passEvidence', 'passThreshold').text}`
}

/** `stable 95, canary 5` */
export function weightsText (answer: AdminAnswer): string {
  return numbersAt(answer, 'weights').map(([version, weight]) => `${version} ${weight}`).join(', ')
}
