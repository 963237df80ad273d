import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { describeStorage } from '../contracts/storage.ts'

describeStorage(
  'the memory storage',
  async () => ({ open: async () => createMemoryStorage(), dispose: async () => {} }),
  { persistent: false },
)
