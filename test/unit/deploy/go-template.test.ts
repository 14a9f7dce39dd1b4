import t from 'tap'
import { parse } from 'yaml'
import { GoTemplates } from './go-template.ts'

const VALUES: unknown = parse(`
num: 3
float: 0.5
big: 1000000
zero: 0
empty: ""
none: []
nothing: {}
off: false
on: true
said: he said "hi"
list: [a, b]
map: { b: 1, a: [x, { c: true }] }
word: "yes"
`)

const render = (template: string): string => new GoTemplates(file => `of ${file}\n`).render(template, VALUES, 'a.yaml')

/** What Go's text/template 1.19 with sprig 3.2 and Helm's own functions makes of each. */
const AS_GO: ReadonlyArray<readonly [template: string, text: string]> = [
  ['a\n  {{- .num }}\nb', 'a3\nb'],
  ['a {{ .num -}}\n\n  b', 'a 3b'],
  ['{{- /* a comment */ -}} x', 'x'],
  ['{{ .missing }}', ''],
  ['{{ .on }}', 'true'],
  ['{{ if .zero }}y{{ else }}n{{ end }}', 'n'],
  ['{{ if .empty }}y{{ else }}n{{ end }}', 'n'],
  ['{{ if .none }}y{{ else }}n{{ end }}', 'n'],
  ['{{ if .nothing }}y{{ else }}n{{ end }}', 'n'],
  ['{{ if .map }}y{{ end }}', 'y'],
  ['{{ .zero | default 5 }}', '5'],
  ['{{ .off | default "x" }}', 'x'],
  ['{{ .num | default 5 | quote }}', '"3"'],
  ['{{ .said | quote }}', '"he said \\"hi\\""'],
  ['{{ quote .missing }}|', '|'],
  ['{{ range .list }}<{{ . }}>{{ end }}', '<a><b>'],
  ['{{ range .list }}{{ $.num }}{{ end }}', '33'],
  ['{{ range .none }}x{{ else }}none{{ end }}', 'none'],
  ['k:{{ toYaml .map | nindent 2 }}', 'k:\n  a:\n  - x\n  - c: true\n  b: 1'],
  ['{{ toYaml .list | nindent 2 }}', '\n  - a\n  - b'],
  ['{{ toYaml .word }}', '"yes"'],
  ['{{ toYaml .nothing }}', '{}'],
  ['{{ eq .word "yes" }}', 'true'],
  ['{{ .list | has "b" }}{{ .list | has "c" }}', 'truefalse'],
  ['{{ .word | splitList "e" | has "s" }}', 'true'],
  ['{{ if .off }}{{ fail "not reached" }}{{ end }}', ''],
  ['{{ define "it" }}<{{ .num }}>{{ end }}{{ include "it" . | quote }}', '"<3>"'],
  ['{{ .Files.Get "f" | nindent 1 }}', '\n of f\n ']
]

t.test('a template gives what it gives in Helm', async t => {
  for (const [template, text] of AS_GO) t.equal(render(template), text, template)
})

t.test('what is not known is refused, and so is what Helm would print otherwise than it looks', async t => {
  const refused = [
    '{{ $x := 1 }}', '{{ $ }}', '{{ with .map }}{{ end }}', '{{ if .a }}{{ else if .b }}{{ end }}', '{{ (eq .num 3) }}', '{{ lookup "v1" "Secret" "a" "b" }}',
    '{{ tpl .said . }}', '{{ printf "%s" .said }}', '{{ template "it" . }}', '{{ range .map }}{{ end }}', '{{ if .num }}', '{{ end }}', '{{ .num', '{{ .map }}', '{{ .big }}', '{{ .float }}',
    '{{ .num.inner }}', '{{ .missing.inner }}', '{{ include "it" . }}', '{{ eq .num "3" }}', '{{ required "it is needed" .empty }}', '{{ fail "so" }}', '{{ .num | has 3 }}', '{{ .num 3 }}'
  ]
  for (const template of refused) t.throws(() => render(template), TypeError, template)
})
