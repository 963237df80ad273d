/**
 * A recorded history of people who edited one text at the same time: who changed what, having seen
 * what. Read from a gzipped JSON file in the format of the public collection of editing traces.
 */
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'

/** At a position, counted in UTF-16 units, characters that go and text that comes. */
export type Patch = readonly [position: number, deleted: number, inserted: string]

export interface HistoryStep {
  /** Who, from 0. */
  readonly agent: number
  /** How many steps of each agent had been seen, the agent's own included. */
  readonly seen: readonly number[]
  readonly patches: readonly Patch[]
}

export interface History {
  readonly agents: number
  /** Parents come first. */
  readonly steps: readonly HistoryStep[]
  /** The text that every replica must end with. */
  readonly text: string
}

interface RecordedHistory {
  numAgents: number
  endContent: string
  txns: { agent: number; parents: number[]; patches: [number, number, string][] }[]
}

/** @throws when the file is absent, or an agent forgot a step of its own */
export async function readHistory(file: string): Promise<History> {
  const { numAgents, endContent, txns }: RecordedHistory = JSON.parse(
    gunzipSync(await readFile(file)).toString('utf8'),
  )
  // The file counts code points and Yjs UTF-16 units: the same, where no character takes two.
  if (/[\ud800-\udfff]/.test(endContent) || txns.some(hasSurrogates)) {
    throw new Error('the history holds characters outside the Basic Multilingual Plane')
  }
  const made = new Array<number>(numAgents).fill(0)
  const after: number[][] = []
  const steps = txns.map(({ agent, parents, patches }) => {
    const seen = new Array<number>(numAgents).fill(0)
    for (const parent of parents) {
      for (const [index, count] of (after[parent] ?? []).entries()) {
        seen[index] = Math.max(seen[index] ?? 0, count)
      }
    }
    if (seen[agent] !== made[agent]) throw new Error(`agent ${agent} forgot a step of its own`)
    made[agent] = (made[agent] ?? 0) + 1
    after.push(seen.with(agent, made[agent] as number))
    return { agent, seen, patches }
  })
  return { agents: numAgents, steps, text: endContent }
}

function hasSurrogates({ patches }: { patches: [number, number, string][] }): boolean {
  return patches.some(([, , inserted]) => /[\ud800-\udfff]/.test(inserted))
}
