/** The result of a run of the demo, as `--json` prints it. */

export interface AgentResult {
  readonly name: string
  readonly sections: number
  readonly writes: number
  /** Cross-references that it found. */
  readonly links: number
  /** What was done to it, in words. */
  readonly faults: readonly string[]
  /** Pieces that the relay acked as durable, and how many of them every node holds at the end. */
  readonly acked: number
  readonly survived: number
}

/** One thing that had to be true. */
export interface Check {
  readonly name: string
  readonly passed: boolean
  /** What was found, in a sentence. */
  readonly detail: string
}

export interface DemoResult {
  readonly ok: boolean
  /** From the start to the last comparison. */
  readonly seconds: number
  readonly text: { readonly files: number; readonly sections: number; readonly words: number }
  readonly agents: readonly AgentResult[]
  readonly relay: { readonly faults: readonly string[] }
  /** Of the agents together. */
  readonly totals: {
    readonly writes: number
    readonly acked: number
    readonly survived: number
    readonly lost: number
  }
  readonly index: { readonly sections: number; readonly terms: number; readonly links: number }
  /** Each on every agent and on the relay. */
  readonly documents: { readonly compared: number; readonly identical: number }
  readonly checks: readonly Check[]
}
