import { openLevelStorage } from '../../src/storage/level-storage.ts'
import { describeStorage } from '../contracts/storage.ts'
import { temporaryDirectory } from './directory.ts'

describeStorage('the LevelDB storage', async () => {
  const { path, remove } = await temporaryDirectory()
  return { open: () => openLevelStorage({ location: path }), dispose: remove }
})
