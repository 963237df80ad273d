/**
 * Installs the peers into `.tmp/peers`: `npm run build && node dist/test/bench/peers/install.js`.
 * The group `relay` then measures them beside ours.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { allPeers, isInstalled, type PeerPackages, peerDirectory } from './peer-packages.ts'

function install(peer: PeerPackages): boolean {
  if (isInstalled(peer)) return true
  const cwd = peerDirectory(peer)
  mkdirSync(cwd, { recursive: true })
  writeFileSync(join(cwd, 'package.json'), '{ "private": true }\n')
  const words = ['install', '--no-audit', '--no-fund', ...peer.packages]
  const { status } = spawnSync('npm', words, { cwd, stdio: 'inherit' })
  return status === 0 && isInstalled(peer)
}

for (const peer of allPeers) {
  const installed = install(peer)
  process.stdout.write(`${peer.name}: ${installed ? 'installed' : 'could not be installed'}\n`)
  if (!installed) process.exitCode = 1
}
