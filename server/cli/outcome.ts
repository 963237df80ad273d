/** How a command that looks at data ends. */

export interface Outcome {
  /** With `--json` one JSON value, else lines for people. */
  readonly text: string
  /** 1 where `diff` found something, or `cleanup` left something. */
  readonly exitCode: 0 | 1
}
