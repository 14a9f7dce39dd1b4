/**
 * What the architecture rules need to know of a source file, read with the TypeScript parser.
 */
import path from 'node:path'
import ts from 'typescript'

/** One mention of another module: an import or re-export of values or types, `import()` or `import('…').Type`. */
interface ModuleReference {
  readonly specifier: string
  readonly line: number
}

/** A declaration at the top of a module that holds state which can change. */
interface MutableBinding {
  readonly name: string
  readonly line: number
  readonly reason: string
}

export interface SourceFile {
  /** Relative to the root of the project, with forward slashes: `src/core/clock.ts`. */
  readonly path: string
  /** Lines with code on them. */
  readonly lines: number
  /** Lines that are wider than 140 columns without a text on them that makes them so, comments included. */
  readonly wide: readonly number[]
  readonly references: readonly ModuleReference[]
  /** The names that the file exports; a re-export counts by its outer name, `export *` as `*`. */
  readonly exports: readonly string[]
  /** The exported classes, which are among `exports`. */
  readonly classes: readonly string[]
  /** Does it declare anything of its own, or only pass on what others export? */
  readonly declares: boolean
  readonly mutable: readonly MutableBinding[]
}

/** Parses a TypeScript file; a syntax error is the compiler's business and is not reported here. */
export function readSourceFile (filePath: string, text: string): SourceFile {
  const tree = ts.createSourceFile(filePath, text, ts.ScriptTarget.Latest, true)
  const lineOf = (node: ts.Node): number => tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
  return {
    path: filePath.split(path.sep).join('/'),
    lines: codeLines(tree),
    wide: wideLines(tree),
    references: findReferences(tree, lineOf),
    exports: tree.statements.flatMap(exportedNames),
    classes: tree.statements.filter(statement => ts.isClassDeclaration(statement)).flatMap(exportedNames),
    declares: tree.statements.some(statement => !ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)),
    mutable: tree.statements.flatMap(statement => mutableBindings(statement, lineOf))
  }
}

/** Lines on which something stands that is no comment. */
function codeLines (tree: ts.SourceFile): number {
  const lines = new Set<number>()
  const visit = (node: ts.Node): void => {
    const children = node.getChildren(tree)
    if (children.length > 0 && !ts.isTemplateExpression(node)) return children.filter(child => !ts.isJSDoc(child)).forEach(visit)
    if (node.kind === ts.SyntaxKind.EndOfFileToken || node.getStart(tree) >= node.end) return
    const last = tree.getLineAndCharacterOfPosition(node.end).line
    for (let line = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line; line <= last; line++) lines.add(line)
  }
  visit(tree)
  return lines.size
}

const COLUMNS = 140
/** From this length on a text may make its line too wide: it would not become more readable in pieces. */
const LONG_TEXT = 40

function wideLines (tree: ts.SourceFile): number[] {
  const excused = new Set<number>()
  const visit = (node: ts.Node): void => {
    const isText = ts.isStringLiteralLike(node) || ts.isTemplateExpression(node) || ts.isRegularExpressionLiteral(node)
    if (isText && node.end - node.getStart(tree) >= LONG_TEXT) {
      const last = tree.getLineAndCharacterOfPosition(node.end).line
      for (let line = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line; line <= last; line++) excused.add(line)
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  const isWide = (text: string, line: number): boolean => text.length > COLUMNS && !excused.has(line) && !text.includes('://')
  return tree.text.split('\n').flatMap((text, line) => isWide(text, line) ? [line + 1] : [])
}

function findReferences (tree: ts.SourceFile, lineOf: (node: ts.Node) => number): ModuleReference[] {
  const references: ModuleReference[] = []
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node)
    if (specifier !== undefined) references.push({ specifier: specifier.text, line: lineOf(specifier) })
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return references
}

function specifierOf (node: ts.Node): ts.StringLiteralLike | undefined {
  let specifier: ts.Node | undefined
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    specifier = node.moduleSpecifier
  } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    specifier = node.argument.literal
  } else if (ts.isExternalModuleReference(node)) {
    specifier = node.expression
  } else if (ts.isCallExpression(node) && isModuleLoad(node.expression)) {
    specifier = node.arguments[0]
  }
  return specifier !== undefined && ts.isStringLiteralLike(specifier) ? specifier : undefined
}

function isModuleLoad (callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require')
}

function exportedNames (statement: ts.Statement): string[] {
  if (ts.isExportDeclaration(statement)) {
    const clause = statement.exportClause
    if (clause === undefined) return ['*']
    return ts.isNamedExports(clause) ? clause.elements.map(element => element.name.text) : [clause.name.text]
  }
  if (ts.isExportAssignment(statement)) return ['default']
  if (!ts.canHaveModifiers(statement)) return []
  const modifiers = (ts.getModifiers(statement) ?? []).map(modifier => modifier.kind)
  if (!modifiers.includes(ts.SyntaxKind.ExportKeyword)) return []
  if (modifiers.includes(ts.SyntaxKind.DefaultKeyword)) return ['default']
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => ts.isIdentifier(name) ? [name.text] : [])
  }
  const named = ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)
  return named && statement.name !== undefined ? [statement.name.text] : []
}

/** `let` and `var`, and empty containers, which have no use other than to be filled later. */
function mutableBindings (statement: ts.Statement, lineOf: (node: ts.Node) => number): MutableBinding[] {
  if (!ts.isVariableStatement(statement)) return []
  const constant = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0
  return statement.declarationList.declarations.flatMap(declaration => {
    const found = { name: declaration.name.getText(), line: lineOf(declaration) }
    if (!constant) return [{ ...found, reason: 'is declared with let or var' }]
    const value = declaration.initializer
    const emptyContainer = value !== undefined && ts.isNewExpression(value) && ts.isIdentifier(value.expression) &&
      ['Map', 'Set', 'WeakMap', 'WeakSet', 'Array'].includes(value.expression.text) && (value.arguments ?? []).length === 0
    return emptyContainer ? [{ ...found, reason: 'is an empty container that can only be meant to be filled' }] : []
  })
}
