/** What a page of these tests runs: it links with its test, and does the steps that this asks for. */
import { steps } from './steps.ts'

/** What the test asks for. */
export interface StepCall {
  readonly id: number
  readonly step: string
  readonly inputs: readonly unknown[]
}

/** What a page answers; an error as what a user can tell of it. */
export interface StepOutcome {
  readonly id: number
  readonly output?: unknown
  readonly error?: { readonly name: string; readonly code?: string; readonly message: string }
}

link()
// The browser may have put the page aside whole, without its sockets, when it was left.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) link()
})

function link(): void {
  const socket = new WebSocket(`ws://${location.host}${location.pathname}`)
  socket.addEventListener('message', async ({ data }) => {
    socket.send(JSON.stringify(await outcomeOf(JSON.parse(data as string) as StepCall)))
  })
}

async function outcomeOf({ id, step, inputs }: StepCall): Promise<StepOutcome> {
  const run = steps[step as keyof typeof steps] as (...inputs: unknown[]) => unknown
  try {
    return { id, output: await run(...inputs) }
  } catch (thrown) {
    const { name, code, message } = thrown as Error & { code?: string }
    return { id, error: { name, message, ...(code !== undefined && { code }) } }
  }
}
