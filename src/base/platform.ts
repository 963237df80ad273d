/** What only one platform has; for the few places that stand on it. */

interface Runtime {
  process?: { getBuiltinModule?(name: string): unknown }
}

/** Whether this is Node, or what is like it; else it is a browser: a page of one, or a worker. */
export function runsInNode(): boolean {
  return typeof process !== 'undefined' && typeof process.versions?.node === 'string'
}

/**
 * A module of Node by its name without `node:`, undefined in a browser: not imported, so that the
 * library bundles for browsers.
 */
export function builtinModule<Module>(name: string): Module | undefined {
  return (globalThis as Runtime).process?.getBuiltinModule?.(name) as Module | undefined
}
