/** The thread of `merge-thread.ts`. */
import { parentPort } from 'node:worker_threads'
import { present } from '../src/base/assert.ts'
import { toStatemeshError } from '../src/base/error.ts'
import { mergeLog } from '../src/storage/merge-log.ts'
import type { MergeReply, MergeRequest } from './merge-thread.ts'

const port = present(parentPort, 'not started as a thread')

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
