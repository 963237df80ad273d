import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseGrantText } from '../../server/cli/grant-text.ts'
import { startRelayProcess } from '../support/relay-process.ts'
import { runCommandLineWith } from '../support/run-command-line.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { FrameClient, frameClient } from './frame-client.ts'

const secret = 'a secret of more than thirty-two bytes'
const environment = { STATEMESH_TOKEN_SECRET: secret }

const mint = (...flags: string[]) => runCommandLineWith(environment, 'token', 'mint', ...flags)
const verify = (token: string, env = environment) =>
  runCommandLineWith(env, 'token', 'verify', token)

describe('statemesh token', () => {
  test('mints what it verifies', async () => {
    const grants = ['--grant', 'write:agent:a1/users', '--grant', 'read:stock/notes/*']
    const { code, stdout } = await mint('--subject', 'a1', ...grants, '--id', 't1')
    expect(code).toBe(0)
    const verified = await verify(stdout.trim())
    expect(verified.code).toBe(0)
    expect(JSON.parse(verified.stdout)).toMatchObject({
      subject: 'a1',
      id: 't1',
      grants: [
        { scope: 'agent:a1', partition: 'users', rights: 'write' },
        { scope: 'stock', partition: 'notes/*', rights: 'read' },
      ],
    })
    const other = { STATEMESH_TOKEN_SECRET: `${secret}!` }
    const refused = await verify(stdout.trim(), other)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('TOKEN_INVALID')
  })

  test('refuses grants, lifetimes and secrets that are none', async () => {
    const subject = ['--subject', 'a1']
    const good = ['--grant', 'read:global/*']
    expect((await mint(...subject, '--grant', 'own:global/*')).code).toBe(2)
    expect((await mint(...subject, ...good, '--lifetime', 'soon')).code).toBe(2)
    expect((await mint(...subject, ...good, '--lifetime', '0s')).code).toBe(2)
    expect((await mint(...subject)).code).toBe(2)
    const short = { STATEMESH_TOKEN_SECRET: 'short' }
    const { code, stderr } = await runCommandLineWith(short, 'token', 'mint', ...subject, ...good)
    expect(code).toBe(1)
    expect(stderr).toContain('OPTION_INVALID')
  })

  test.each([
    ['write:agent:a1/room:r1/users', { scope: 'agent:a1/room:r1', partition: 'users' }],
    ['read:*/*', { scope: '*', partition: '*' }],
    ['admin:=global/config', { scope: '=global', partition: 'config' }],
    ['read:stock/a/b', { scope: 'stock', partition: 'a/b' }],
  ])('reads the grant %s', (text, grant) => {
    expect(parseGrantText(text)).toMatchObject(grant)
  })
})

describe('statemesh relay', () => {
  test('takes its secret and limits from a file, and logs with connection and document', async () => {
    const data = await temporaryDirectory()
    const config = join(data, 'relay.json')
    await writeFile(join(data, 'secret'), `${secret}\n`)
    const tokenSecretFile = join(data, 'secret')
    await writeFile(config, JSON.stringify({ tokenSecretFile, channelsMax: 1 }))
    const flags = ['--config', config, '--host', '0.0.0.0']
    const relay = await startRelayProcess({ data: join(data, 'db'), flags })
    onTestFinished(async () => {
      await relay.kill('SIGKILL')
    })
    const url = `ws://127.0.0.1:${relay.port}`
    expect(await new FrameClient(url).closed).toBe(4401)
    const { stdout } = await mint('--subject', 'a1', '--grant', 'read:agent:a1/users')
    const client = await frameClient(url, undefined, stdout.trim())
    await client.open('agent:a1/users')
    client.send({
      ...{ type: 'open', channel: 2, document: 'agent:a2/users', generation: '' },
      stateVector: Uint8Array.of(0),
    })
    expect((await client.next('nack')).code).toBe('ACCESS_DENIED')
    await relay.kill('SIGTERM')
    const lines = relay
      .stderr()
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'info', event: 'connected', connection: 2, subject: 'a1' }),
    )
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', code: 'ACCESS_DENIED', document: 'agent:a2/users' }),
    )
    expect(relay.stderr()).not.toContain(stdout.trim())
    expect(relay.stderr()).not.toContain(secret)
  })

  test('is not started on a public address without tokens', async () => {
    const data = await temporaryDirectory()
    const flags = ['relay', '--host', '0.0.0.0', '--port', '0', '--data', join(data, 'db')]
    const { code, stderr } = await runCommandLineWith({}, ...flags)
    expect(code).toBe(1)
    expect(stderr).toContain('OPTION_INVALID')
    expect(await readdir(data)).toEqual([])
  })

  test('refuses settings that it does not know', async () => {
    const data = await temporaryDirectory()
    const config = join(data, 'relay.json')
    await writeFile(config, '{"prot":1}')
    const { code, stderr } = await runCommandLineWith({}, 'relay', '--config', config)
    expect(code).toBe(1)
    expect(JSON.parse(stderr).message).toBe('Unrecognized key: "prot"')
  })

  test.each([
    ['port: not a whole number', ['--port', '4100x']],
    ['insecure: neither true nor false', ['--config', 'given']],
  ])('says what is wrong: %s', async (message, flags) => {
    const file = join(await temporaryDirectory(), 'relay.json')
    await writeFile(file, '{"insecure":1}')
    const given = flags.map(flag => (flag === 'given' ? file : flag))
    const { stderr } = await runCommandLineWith({}, 'relay', ...given)
    expect(JSON.parse(stderr)).toMatchObject({ code: 'OPTION_INVALID', message })
  })
})

test.each([
  ['an unknown command', ['relai']],
  ['an unknown flag', ['relay', '--prot', '1']],
  ['a flag without its value', ['relay', '--port']],
  ['an argument too many', ['relay', '4100']],
  ['an argument too few', ['token', 'verify']],
  ['a value that is none', ['inspect', 'data', '--limit', 'all']],
])('a wrong command line exits with 2 and a code: %s', async (_, flags) => {
  const { code, stdout, stderr } = await runCommandLineWith({}, ...flags)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(JSON.parse(stderr)).toMatchObject({ event: 'refused', code: 'OPTION_INVALID' })
})
