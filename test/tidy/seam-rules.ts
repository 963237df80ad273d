/**
 * The seams: what only one place may touch, so that a simulation can own it. A rule is a pattern
 * over the code of a file (comments and strings left out) and the files that may match it.
 */
import { importedPaths } from './import-rules.ts'
import type { SourceFile } from './source-file.ts'
import { lineAt } from './source-text.ts'

interface SeamRule {
  readonly what: string
  /** Matches the forbidden code. */
  readonly pattern: RegExp
  /** Where the rule holds. */
  readonly within: RegExp
  readonly except?: RegExp
  /** Whether a file that no other imports, one that is run, is free of the rule. */
  readonly exceptEntryPoints?: boolean
}

/** A global by its name, also as a property of the global object; not a method of that name. */
function globals(...names: string[]): RegExp {
  return new RegExp(`(?<![\\w$#.])(?:(?:globalThis|window|self)\\.)?(?:${names.join('|')})`, 'g')
}

const production = /^(?:src|server|simulations)\//
const commandLine = /^server\/cli\//

export type SeamName =
  | 'clock'
  | 'timers'
  | 'randomness'
  | 'memory'
  | 'environment'
  | 'simulationEnvironment'
  | 'console'
  | 'nodeGlobals'
  | 'hiddenImports'

export const seamRules: { readonly [name in SeamName]: SeamRule } = {
  clock: {
    what: 'reads a clock',
    pattern: globals(
      'Date\\.now\\b',
      'new Date\\b(?!\\s*\\(\\s*[^\\s)])',
      'performance\\.',
      'process\\.(?:hrtime|uptime)\\b',
    ),
    within: production,
    except: /^src\/base\/time\.ts$/,
  },
  timers: {
    what: 'sets a timer',
    pattern: globals('(?:setTimeout|setInterval|setImmediate)\\b', 'AbortSignal\\.timeout\\b'),
    within: production,
    except: /^src\/base\/time\.ts$/,
  },
  randomness: {
    what: 'draws random bits',
    pattern:
      /\bMath\.random\b|\b(?:getRandomValues|randomUUID|randomBytes|randomInt|randomFill(?:Sync)?)\b/g,
    within: production,
    except: /^src\/base\/random\.ts$/,
  },
  memory: {
    what: 'asks for the memory of the process',
    pattern: /\b(?:memoryUsage|usedJSHeapSize|getHeapStatistics)\b/g,
    within: production,
    except: /^src\/base\/memory\.ts$/,
  },
  environment: {
    what: 'reads the environment or the command line',
    pattern: /(?<![\w$#])process\.(?:env|argv)\b/g,
    within: /^(?:src|server)\//,
    except: commandLine,
  },
  simulationEnvironment: {
    what: 'reads the environment or the command line and is not an entry point',
    pattern: /(?<![\w$#])process\.(?:env|argv)\b/g,
    within: /^simulations\//,
    exceptEntryPoints: true,
  },
  console: {
    what: 'prints',
    pattern: globals('console\\b', 'process\\.(?:stdout|stderr)\\b'),
    within: /^(?:src|server)\//,
    except: commandLine,
  },
  nodeGlobals: {
    what: 'uses a global that browsers do not have',
    // `process.versions` is how one finds out where one runs.
    pattern: globals('process\\.(?!versions\\b)', 'Buffer\\b', '__dirname\\b', 'require\\s*\\('),
    within: /^src\//,
    // Runs where the package `redis` runs, which takes nothing else.
    except: /^src\/storage\/layers\/redis-connection\.ts$/,
  },
  hiddenImports: {
    what: 'imports a module whose name cannot be read',
    pattern: /(?<![\w$#.])import\s*\(\s*(?!['"\s])/g,
    within: production,
  },
}

/** Every place that breaks a rule. */
export function seamComplaints(name: SeamName, files: readonly SourceFile[]): string[] {
  const rule = seamRules[name]
  const imported = importedPaths(files)
  return files
    .filter(({ path }) => rule.within.test(path) && !rule.except?.test(path))
    .filter(({ path }) => !rule.exceptEntryPoints || imported.has(path))
    .flatMap(({ path, code }) =>
      [...code.matchAll(rule.pattern)].map(
        match => `${path}:${lineAt(code, match.index)}: ${rule.what}: ${match[0]}`,
      ),
    )
}
