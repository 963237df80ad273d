/**
 * What a relay answers to plain HTTP: its health, its figures, and, to administrators, the updates it
 * refused and a way to take tokens back. Where tokens are asked for, everything but the health needs
 * one with the right `admin` on `*`, in the header `Authorization: Bearer`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { StatemeshError, toStatemeshError } from '../src/base/error.ts'
import type { RelayMetrics } from './metrics.ts'
import type { Relay } from './relay.ts'
import { bearerOf } from './upgrade-request.ts'

export interface PageContext {
  relay: Relay
  metrics: RelayMetrics | undefined
}

type Page = (context: PageContext, request: IncomingMessage, response: ServerResponse) => unknown

const pages: ReadonlyMap<string, Page> = new Map<string, Page>([
  ['GET /health', health],
  [
    'GET /health/live',
    ({ relay }, _, response) => json(response, 200, { live: relay.health().live }),
  ],
  ['GET /health/ready', ready],
  ['GET /metrics', admin(figures)],
  ['GET /quarantine', admin(quarantine)],
  ['POST /revoke', admin(revoke)],
])

/** Far more than a revocation takes. */
const bodyBytesMax = 4096

const revocation = z.union([
  z.strictObject({ subject: z.string() }),
  z.strictObject({ tokenId: z.string() }),
])

export function answerPage(
  context: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  // Of a HEAD, as load balancers send it, Node leaves out the body.
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const page = pages.get(`${method} ${request.url?.replace(/\?.*$/s, '')}`)
  if (page === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n')
    return
  }
  Promise.resolve()
    .then(() => page(context, request, response))
    .catch(thrown => {
      const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
      json(response, statusOf(error), error.toJSON())
    })
}

async function health(
  { relay }: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { live, ready, reasons, ...rest } = relay.health()
  const status = ready ? 200 : 503
  const token = bearerOf(request)
  // How much goes on is nobody's business where tokens are asked for.
  if (relay.secured && token === undefined) return json(response, status, { live, ready, reasons })
  await relay.checkAdmin(token)
  json(response, status, { live, ready, reasons, ...rest })
}

function ready({ relay }: PageContext, _: IncomingMessage, response: ServerResponse): void {
  const { ready, reasons } = relay.health()
  json(response, ready ? 200 : 503, { ready, reasons })
}

/** A page that needs an administrator's token, where any is asked for. */
function admin(page: Page): Page {
  return async (context, request, response) => {
    await context.relay.checkAdmin(bearerOf(request))
    await page(context, request, response)
  }
}

async function figures(
  { metrics }: PageContext,
  _: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (metrics === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('no figures are kept\n')
    return
  }
  const { contentType, body } = await metrics.text()
  response.writeHead(200, { 'content-type': contentType }).end(body)
}

function quarantine({ relay }: PageContext, _: IncomingMessage, response: ServerResponse): void {
  const items = relay.quarantine().map(item => ({
    ...item,
    update: Buffer.from(item.update).toString('base64'),
  }))
  json(response, 200, items)
}

async function revoke(
  { relay }: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const parsed = revocation.safeParse(await readJson(request))
  if (!parsed.success) {
    throw new StatemeshError('OPTION_INVALID', 'the body is {"subject": ...} or {"tokenId": ...}')
  }
  await relay.revoke(parsed.data)
  json(response, 200, { revoked: parsed.data })
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) {
    text += part
    if (text.length > bodyBytesMax) {
      throw new StatemeshError('FRAME_TOO_LARGE', `a body has at most ${bodyBytesMax} bytes`)
    }
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new StatemeshError('OPTION_INVALID', 'the body is not JSON', { cause })
  }
}

function statusOf({ code }: StatemeshError): number {
  if (code === 'TOKEN_INVALID' || code === 'TOKEN_EXPIRED') return 401
  if (code === 'ACCESS_DENIED') return 403
  return code === 'STORAGE_UNAVAILABLE' || code === 'LINK_FAILED' ? 503 : 400
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(`${JSON.stringify(body)}\n`)
}
