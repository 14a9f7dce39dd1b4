import t from 'tap'
import { parseExposition } from '../../helpers/exposition-parser.ts'

const head = '# HELP a Help.\n# TYPE a gauge\n'
const histogram = '# HELP h Help.\n# TYPE h histogram\n'

t.test('the reader that checks our exposition takes what is right', t => {
  const families = parseExposition(`${head}a 1\na{b="x\\"\\\\\\n"} -1.5e-7\n\n${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 3\nh_sum 4\nh_count 3\n`)
  t.strictSame(families.get('a')?.samples, [{ name: 'a', labels: {}, value: 1 }, { name: 'a', labels: { b: 'x"\\\n' }, value: -1.5e-7 }])
  t.equal(families.get('h')?.samples.length, 4)
  t.end()
})

const wrong: Readonly<Record<string, string>> = {
  'no line feed at the end': `${head}a 1`,
  'a sample before its family': 'a 1\n',
  'a sample of another family': `${head}b 1\n`,
  'a family twice': `${head}a 1\n${head}`,
  'a series twice': `${head}a{b="1",c="2"} 1\na{c="2",b="1"} 1\n`,
  'TYPE without HELP': '# TYPE a gauge\na 1\n',
  'a label twice': `${head}a{b="1",b="2"} 1\n`,
  'an unescaped quotation mark': `${head}a{b="x"y"} 1\n`,
  'an escape that does not exist': `${head}a{b="\\t"} 1\n`,
  'a value that is no number': `${head}a undefined\n`,
  'a hexadecimal value': `${head}a 0x10\n`,
  'buckets that fall': `${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
  'buckets without +Inf': `${histogram}h_bucket{le="1"} 2\nh_sum 1\nh_count 2\n`,
  'a count that is not the last bucket': `${histogram}h_bucket{le="+Inf"} 2\nh_sum 1\nh_count 3\n`
}

for (const [name, text] of Object.entries(wrong)) {
  t.test(`and refuses ${name}`, t => {
    t.throws(() => parseExposition(text))
    t.end()
  })
}
