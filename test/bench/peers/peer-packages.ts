/** The npm packages that the relay is measured against, and where they are: outside our own tree. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { inRepository } from '../../support/repository.ts'

export interface PeerPackages {
  readonly name: string
  readonly packages: readonly string[]
  /** Which script of ours starts it. */
  readonly script: string
  /** Runs under the Node that its packages bring, as it needs a newer one. */
  readonly ownNode?: boolean
}

export const yWebsocket: PeerPackages = {
  name: 'y-websocket',
  packages: ['y-websocket@1.5.4', 'y-leveldb@0.1.2', 'ws@6', 'yjs@13.6.33'],
  script: 'y-websocket-server.js',
}

export const hocuspocus3: PeerPackages = {
  name: 'hocuspocus-3',
  packages: [
    '@hocuspocus/server@3.4.4',
    '@hocuspocus/extension-sqlite@3.4.4',
    'yjs@13.6.33',
    'y-protocols@1.0.7',
  ],
  script: 'hocuspocus-server.js',
}

export const hocuspocus4: PeerPackages = {
  name: 'hocuspocus-4',
  packages: [
    'node@24.9.0',
    '@hocuspocus/server@4.6.0',
    '@hocuspocus/extension-database@4.6.0',
    'yjs@13.6.33',
    'y-protocols@1.0.7',
  ],
  script: 'hocuspocus-server.js',
  ownNode: true,
}

export const allPeers: readonly PeerPackages[] = [yWebsocket, hocuspocus3, hocuspocus4]

export function peerDirectory({ name }: PeerPackages): string {
  return inRepository('.tmp', 'peers', name)
}

/** The Node that a peer runs under. */
export function peerNode(peer: PeerPackages): string {
  if (!peer.ownNode) return process.execPath
  return join(peerDirectory(peer), 'node_modules', '.bin', 'node')
}

export function isInstalled(peer: PeerPackages): boolean {
  const names = peer.packages.map(spec => spec.slice(0, spec.lastIndexOf('@')))
  return names.every(name => existsSync(join(peerDirectory(peer), 'node_modules', name)))
}
