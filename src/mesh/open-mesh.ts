/** Puts the mesh of a replica together from what the user asked for. */
import type { RandomSource } from '../base/random.ts'
import type { TimeSource } from '../base/time.ts'
import type { DocumentSet } from '../document/document-set.ts'
import { subprotocol } from '../protocol/frame.ts'
import type { Incarnation } from '../storage/incarnation.ts'
import type { Storage } from '../storage/storage.ts'
import { openStoreId } from '../storage/store-id.ts'
import { Copies } from '../sync/copies.ts'
import type { Outbox } from '../sync/outbox.ts'
import type { RelaySync } from '../sync/relay-sync.ts'
import type { Acceptor } from '../transport/acceptor.ts'
import type { Transport } from '../transport/transport.ts'
import {
  type WebSocketAcceptorOptions,
  websocketAcceptor,
} from '../transport/websocket-acceptor.ts'
import { websocketTransport } from '../transport/websocket-transport.ts'
import { Mesh } from './mesh.ts'
import { Replication } from './replication.ts'

/** Where a replica listens for others. */
export type PeerPort = Omit<WebSocketAcceptorOptions, 'subprotocol'>

/** A peer that is reached another way than others. */
export interface PeerOption {
  address: string
  transport: Transport
}

/** What a replica is told of its peers. */
export interface PeerOptions {
  /**
   * Where other replicas may dial this one: a port, or what accepts links in memory or over a message
   * port. Not in browsers.
   */
  listen?: PeerPort | Acceptor | readonly (PeerPort | Acceptor)[]
  /** Other replicas to link with, by their addresses. */
  peers?: readonly (string | PeerOption)[]
  transport?: Transport
}

/** The parts of a replica that its mesh stands on. */
export interface MeshParts {
  time: TimeSource
  random: RandomSource
  storage: Storage
  incarnation: Incarnation
  documents: DocumentSet
  outbox: Outbox
  idleMilliseconds: number
  /** The id of this process. */
  node: string
  sync: RelaySync | undefined
}

export interface OpenMesh {
  /** Undefined where a replica is to meet nobody directly. */
  readonly mesh: Mesh | undefined
  readonly replication: Replication
}

/** @throws PORT_UNAVAILABLE, STORAGE_UNAVAILABLE */
export async function openMesh(options: PeerOptions, parts: MeshParts): Promise<OpenMesh> {
  const { sync } = parts
  const copies = new Copies()
  const meets = options.listen !== undefined || options.peers !== undefined
  const mesh = meets ? await joinMesh(options, parts, copies) : undefined
  const replication = new Replication({
    ...parts,
    copies,
    alone: mesh === undefined && sync === undefined,
    relayHas: (name, version) => sync?.has(name, version) ?? false,
  })
  for (const others of [sync?.events, mesh?.events]) {
    others?.on('acked', () => replication.acked())
  }
  return { mesh, replication }
}

async function joinMesh(options: PeerOptions, parts: MeshParts, copies: Copies): Promise<Mesh> {
  const { listen = [], peers = [], transport } = options
  const { storage, random, outbox, sync } = parts
  const mesh = new Mesh({
    ...parts,
    copies,
    store: await openStoreId(storage, random),
    stored: await storage.documents(),
    outbox: sync === undefined ? outbox : undefined,
  })
  try {
    for (const place of [listen].flat()) {
      await mesh.listen('listen' in place ? place : websocketAcceptor({ ...place, subprotocol }))
    }
  } catch (thrown) {
    await mesh.close()
    throw thrown
  }
  for (const peer of peers) {
    const { address, transport: own } = typeof peer === 'string' ? { address: peer } : peer
    mesh.dial(address, own ?? transport ?? websocketTransport({ subprotocol }))
  }
  return mesh
}
