/** Starting a relay that cannot start. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startRelayProcess } from './relay-process.ts'
import { temporaryDirectory } from './temporary-directory.ts'

test('a relay that does not start is told, with what it wrote to stderr', async () => {
  const file = join(await temporaryDirectory(), 'a-file')
  await writeFile(file, 'not a directory')
  const error = await startRelayProcess({ data: file }).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    message: expect.stringMatching(/^the relay did not start; its stderr:\n./),
    cause: expect.objectContaining({ message: expect.stringContaining('it ended with exit code') }),
  })
})
