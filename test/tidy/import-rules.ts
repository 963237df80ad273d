/**
 * The rules about imports: what each returns is a list of complaints, empty when all is well.
 * Imports of types count as any other.
 */
import { builtinModules } from 'node:module'
import { importedPath, type SourceFile } from './source-file.ts'

/** The areas of `src`, lowest first: a file may import from its own area and from lower rows. */
const areaRows: readonly (readonly string[])[] = [
  ['base'],
  ['clock', 'model'],
  ['storage', 'protocol', 'transport'],
  ['document', 'trust'],
  ['partition'],
  ['sync', 'history'],
  ['mesh', 'state'],
  ['query', 'observe'],
  ['adapters'],
  ['replica-options.ts'],
  ['replica.ts'],
  ['index.ts'],
]

const folderDirections: { readonly [folder: string]: readonly string[] } = {
  src: ['src'],
  server: ['src', 'server'],
  simulations: ['src', 'server', 'simulations'],
  test: ['src', 'server', 'simulations', 'test'],
}

/** Imports between the top folders that go the wrong way. */
export function folderDirectionComplaints(files: readonly SourceFile[]): string[] {
  return complainOfImports(files, (file, target) => {
    const from = firstPart(file.path)
    const to = firstPart(target)
    if (folderDirections[from]?.includes(to)) return undefined
    return `${from} must not import from ${to}`
  })
}

/** Imports between the areas of `src` that go up or sideways. */
export function areaDirectionComplaints(files: readonly SourceFile[]): string[] {
  const inside = files.filter(file => file.path.startsWith('src/'))
  const misplaced = inside
    .filter(file => rowOf(areaOf(file.path)) === -1)
    .map(file => `${file.path}: ${areaOf(file.path)} is not an area of src`)
  const wrongWay = complainOfImports(inside, (file, target) => {
    const from = areaOf(file.path)
    const to = areaOf(target)
    if (!target.startsWith('src/') || from === to || rowOf(to) < rowOf(from)) return undefined
    return `${from} must not import from ${to}`
  })
  return [...misplaced, ...wrongWay]
}

/** One import cycle, if there is any, as the path around it. */
export function cycleComplaints(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map(file => [file.path, file]))
  const done = new Set<string>()
  const trail: string[] = []

  const visit = (path: string): string[] => {
    const file = byPath.get(path)
    if (file === undefined || done.has(path)) return []
    if (trail.includes(path)) return [[...trail.slice(trail.indexOf(path)), path].join(' -> ')]
    trail.push(path)
    for (const { specifier } of file.imports) {
      const cycle = visit(importedPath(file, specifier) ?? '')
      if (cycle.length > 0) return cycle
    }
    trail.pop()
    done.add(path)
    return []
  }
  for (const file of files) {
    const cycle = visit(file.path)
    if (cycle.length > 0) return cycle
  }
  return []
}

/** Modules of Node in the library, which has to run in browsers too. */
export function nodeModuleComplaints(files: readonly SourceFile[]): string[] {
  const library = files.filter(file => file.path.startsWith('src/'))
  return complainOfPackages(library, specifier =>
    isNodeModule(specifier) ? `src must not import ${specifier}` : undefined,
  )
}

/** Packages that someone who installs ours would not get. */
export function undeclaredPackageComplaints(
  files: readonly SourceFile[],
  declared: readonly string[],
): string[] {
  const shipped = files.filter(file => /^(?:src|server)\//.test(file.path))
  return complainOfPackages(shipped, specifier => {
    const name = specifier.match(/^(?:@[^/]+\/)?[^/]+/)?.[0] ?? specifier
    if (isNodeModule(specifier) || declared.includes(name)) return undefined
    return `${name} is neither a dependency nor a peer dependency`
  })
}

/** The parts of lib0 that hold on to the system's clock and randomness when they are loaded. */
export function ambientPackageComplaints(files: readonly SourceFile[]): string[] {
  return complainOfPackages(files, specifier =>
    /^lib0\/(?:dist\/)?(?:time|random)(?:\.c?js)?$/.test(specifier)
      ? `${specifier} bypasses the seams of time and randomness`
      : undefined,
  )
}

/** The paths that other files import. */
export function importedPaths(files: readonly SourceFile[]): Set<string | undefined> {
  return new Set(
    files.flatMap(file => file.imports.map(({ specifier }) => importedPath(file, specifier))),
  )
}

function complainOfImports(
  files: readonly SourceFile[],
  judge: (file: SourceFile, target: string) => string | undefined,
): string[] {
  return files.flatMap(file =>
    file.imports.flatMap(({ specifier, line }) => {
      const target = importedPath(file, specifier)
      const complaint = target === undefined ? undefined : judge(file, target)
      return complaint === undefined ? [] : [`${file.path}:${line}: ${complaint}`]
    }),
  )
}

function complainOfPackages(
  files: readonly SourceFile[],
  judge: (specifier: string) => string | undefined,
): string[] {
  return files.flatMap(file =>
    file.imports.flatMap(({ specifier, line }) => {
      const complaint = specifier.startsWith('.') ? undefined : judge(specifier)
      return complaint === undefined ? [] : [`${file.path}:${line}: ${complaint}`]
    }),
  )
}

function isNodeModule(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier)
}

/** `src/storage/level.ts` is of the area `storage`, `src/index.ts` of its own, `index.ts`. */
function areaOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function rowOf(area: string): number {
  return areaRows.findIndex(row => row.includes(area))
}

function firstPart(path: string): string {
  return path.split('/')[0] ?? ''
}
