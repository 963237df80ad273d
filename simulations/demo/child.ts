/** A process that the demo starts: its end, its last words, and the certainty that it is gone. */
import type { ChildProcess } from 'node:child_process'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** How much of what a process wrote to stderr is kept for an error message, in characters. */
const lastWordsMax = 4_000

export class Child {
  readonly process: ChildProcess
  /** Resolves when the process has ended and its output was read. */
  readonly exited: Promise<Exit>
  #lastWords = ''
  #isDismissed = false

  /**
   * @param process one whose stderr is piped
   * @param onLost called when it ends before it was dismissed
   */
  constructor(process: ChildProcess, onLost: (exit: Exit) => void) {
    this.process = process
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-lastWordsMax)
    })
    this.exited = new Promise(resolve => {
      process.once('error', error => {
        this.#lastWords += error.message
        resolve({ code: null, signal: null })
      })
      process.once('close', (code, signal) => resolve({ code, signal }))
    })
    void this.exited.then(exit => {
      if (!this.#isDismissed) onLost(exit)
    })
  }

  /** The end of what it has written to stderr. */
  get lastWords(): string {
    return this.#lastWords
  }

  /** From now on it may end; resolves when it has. */
  dismiss(): Promise<Exit> {
    this.#isDismissed = true
    return this.exited
  }

  /** Sends a signal, and resolves when the process has ended. */
  end(signal: NodeJS.Signals): Promise<Exit> {
    this.process.kill(signal)
    return this.dismiss()
  }
}

/** An exit in words. */
export function describeExit({ code, signal }: Exit): string {
  return signal === null ? `exit code ${code}` : signal
}
