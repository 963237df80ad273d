/** The peers as servers that can be measured. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ServerKind, startScript } from '../relay/bench-server.ts'
import { hocuspocus, stock } from '../relay/dialect.ts'
import { sayOnce } from '../relay/process-usage.ts'
import {
  allPeers,
  isInstalled,
  type PeerPackages,
  peerDirectory,
  peerNode,
  yWebsocket,
} from './peer-packages.ts'

/** Those that are installed; says aloud which are not. */
export function installedPeers(): ServerKind[] {
  return allPeers.filter(isInstalledOrSaid).map(kindOf)
}

function isInstalledOrSaid(peer: PeerPackages): boolean {
  if (isInstalled(peer)) return true
  sayOnce(`skipped ${peer.name}: not installed, see test/bench/peers/install.ts`)
  return false
}

function kindOf(peer: PeerPackages): ServerKind {
  const cwd = peerDirectory(peer)
  const script = fileURLToPath(new URL(`./${peer.script}`, import.meta.url))
  return {
    name: peer.name,
    dialect: peer === yWebsocket ? stock : hocuspocus,
    start: directory =>
      startScript(script, { node: peerNode(peer), cwd, args: [cwd, join(directory, 'data')] }),
  }
}
