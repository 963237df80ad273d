/**
 * `npm run demo`: four agent processes index this repository's text together, through a relay,
 * while one agent is cut off, one is killed, and the relay is killed; then everything is compared.
 * With `--p2p` the agents link with one another, and the relay joins late as one more copy.
 * With `--json` stdout gets one JSON object and nothing else. The exit code is 0 only if nothing
 * was lost and nothing differs.
 */
import { fileURLToPath } from 'node:url'
import { readArguments } from '../driver/arguments.ts'
import { runDemo } from './coordinator.ts'
import { ProgressView } from './progress-view.ts'
import { formatReport } from './report.ts'
import type { DemoResult } from './result.ts'

const dist = fileURLToPath(new URL('../../', import.meta.url))
const text = fileURLToPath(new URL('../../../', import.meta.url))

function print(result: DemoResult, asJson: boolean): void {
  process.stdout.write(asJson ? `${JSON.stringify(result)}\n` : formatReport(result))
  for (const { passed, detail } of result.checks) {
    if (!passed) process.stderr.write(`the demo failed: ${detail}\n`)
  }
}

async function main(): Promise<number> {
  const { values } = readArguments({
    options: {
      json: { type: 'boolean', default: false },
      p2p: { type: 'boolean', default: false },
    },
  })
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)))
  }
  const view = new ProgressView(process.stdout)
  try {
    const result = await runDemo({
      text,
      dist,
      isPeerToPeer: values.p2p,
      onChange: fleet => {
        if (!values.json) view.show(fleet)
      },
      signal: interruption.signal,
    })
    print(result, values.json)
    return result.ok ? 0 : 1
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    if (values.json) process.stdout.write(`${JSON.stringify({ ok: false, error: message })}\n`)
    process.stderr.write(`the demo failed: ${message}\n`)
    return interruption.signal.aborted ? 130 : 1
  }
}

process.exitCode = await main()
