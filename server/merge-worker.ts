/**
 * The thread of `merge-thread.ts`. Nobody waits for it, so it gives way to the relay where they share
 * a core: at equal priority every slice of it would delay acks by milliseconds.
 */
import { constants, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { present } from '../src/base/assert.ts'
import { toStatemeshError } from '../src/base/error.ts'
import { mergeLog } from '../src/storage/merge-log.ts'
import type { MergeReply, MergeRequest } from './merge-thread.ts'

const port = present(parentPort, 'not started as a thread')

// On Linux this is the priority of the thread, elsewhere that of the whole process.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)

port.on('message', (request: MergeRequest) => {
  const reply = answer(request)
  port.postMessage(reply)
})

function answer({ bytes, lengths }: MergeRequest): MergeReply {
  const updates: Uint8Array[] = []
  let offset = 0
  for (const length of lengths) {
    updates.push(bytes.subarray(offset, offset + length))
    offset += length
  }
  try {
    return { merged: mergeLog(updates) }
  } catch (thrown) {
    const { code, message } = toStatemeshError(thrown, 'UPDATE_INVALID')
    return { code, message }
  }
}
