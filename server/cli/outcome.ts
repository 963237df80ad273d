/** How a command ends. */

/** The exit code of a wrong command line, and of a command for data that fails: diff(1) has it so. */
export const failed = 2

export interface Outcome {
  /** With `--json` one JSON value, else lines for people. */
  readonly text: string
  /** 1 where `diff` found something, or `cleanup` left something. */
  readonly exitCode: 0 | 1
}
