/** Puts the mesh of a replica together from what the user asked for. */
import { StatemeshError } from '../base/error.ts'
import type { RandomSource } from '../base/random.ts'
import type { TimeSource } from '../base/time.ts'
import type { DocumentSet } from '../document/document-set.ts'
import { subprotocol } from '../protocol/frame.ts'
import type { Incarnation } from '../storage/incarnation.ts'
import type { Storage } from '../storage/storage.ts'
import { openStoreId } from '../storage/store-id.ts'
import { Copies } from '../sync/copies.ts'
import type { Outbox } from '../sync/outbox.ts'
import type { Presences } from '../sync/presences.ts'
import type { RelaySync } from '../sync/relay-sync.ts'
import type { ReplicaBlobs } from '../sync/replica-blobs.ts'
import { type TokenOption, TokenSource } from '../sync/token-source.ts'
import type { Acceptor } from '../transport/acceptor.ts'
import { type PeerPort, portAcceptor } from '../transport/port-acceptor.ts'
import type { Transport } from '../transport/transport.ts'
import { websocketTransport } from '../transport/websocket-transport.ts'
import { Access } from '../trust/access.ts'
import { openRevocations } from '../trust/revocations.ts'
import type { TokenVerifier } from '../trust/token.ts'
import { Mesh } from './mesh.ts'
import { Replication } from './replication.ts'

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
  /** Other replicas to link with, by their addresses; further ones are heard of from these. */
  peers?: readonly (string | PeerOption)[]
  /**
   * Whether to tell the relay where this replica listens, and to hear from it of others that do so; false
   * unless given. It takes a relay with `discovery`.
   */
  discovery?: boolean
  /**
   * How many peers to be linked with; 3 to 4 unless given. Whoever is not linked directly is reached by
   * way of others.
   */
  links?: { min?: number; max?: number }
  /**
   * Says who this replica is, to a relay or to peers that ask for it: a token, or a function that gives
   * one. It is called at every dial, and when the other end says that the token is about to end.
   */
  token?: TokenOption
  /**
   * Checks the tokens of peers: none is let in without one, and each gets and gives the documents
   * that its grants open. Without it everybody who can reach the port reads and writes all.
   */
  tokens?: TokenVerifier
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
  blobs?: ReplicaBlobs | undefined
  presences?: Presences | undefined
  idleMilliseconds: number
  /** The id of this process. */
  node: string
  sync: RelaySync | undefined
}

export interface OpenMesh {
  /** Undefined where a replica is to meet nobody directly. */
  readonly mesh: Mesh | undefined
  readonly replication: Replication
  /** Undefined where no tokens are asked for. */
  readonly access: Access | undefined
}

/** @throws PORT_UNAVAILABLE, STORAGE_UNAVAILABLE, OPTION_INVALID for a port that is open to all */
export async function openMesh(options: PeerOptions, parts: MeshParts): Promise<OpenMesh> {
  const { sync } = parts
  const copies = new Copies()
  const { discovery = false } = options
  if (discovery && sync === undefined) {
    throw new StatemeshError('OPTION_INVALID', 'discovery is by way of a relay, and none was given')
  }
  const meets = options.listen !== undefined || options.peers !== undefined || discovery
  const { tokens: verifier } = options
  const access =
    verifier &&
    new Access({ verifier, revocations: await openRevocations(parts.storage), time: parts.time })
  const mesh = meets ? await joinMesh(options, { ...parts, copies, access }) : undefined
  const replication = new Replication({
    ...parts,
    copies,
    alone: mesh === undefined && sync === undefined,
    relayHas: (name, version) => sync?.has(name, version) ?? false,
  })
  for (const others of [sync?.events, mesh?.events]) {
    others?.on('acked', () => replication.acked())
  }
  return { mesh, replication, access }
}

async function joinMesh(
  options: PeerOptions,
  parts: MeshParts & { copies: Copies; access: Access | undefined },
): Promise<Mesh> {
  const { listen = [], peers = [], transport, token } = options
  const { storage, random, outbox, sync } = parts
  const dialled = transport ?? websocketTransport()
  const { min: linksMin = 3, max: linksMax = 4 } = options.links ?? {}
  if (!(linksMin >= 1 && linksMax >= linksMin)) {
    throw new StatemeshError('OPTION_INVALID', 'links are at least 1, and at most no fewer')
  }
  const store = await openStoreId(storage, random)
  const mesh = new Mesh({
    ...parts,
    ...{ transport: dialled, linksMin, linksMax, store },
    token: token === undefined ? undefined : new TokenSource(token),
    stored: await storage.documents(),
    outbox: sync === undefined ? outbox : undefined,
  })
  try {
    const rules = { subprotocol, asksForTokens: parts.access !== undefined }
    for (const place of [listen].flat()) {
      await mesh.listen('listen' in place ? place : portAcceptor(place, rules))
    }
  } catch (thrown) {
    await mesh.close()
    throw thrown
  }
  mesh.meet(
    peers.map(peer => (typeof peer === 'string' ? { address: peer, transport: dialled } : peer)),
  )
  if (options.discovery) {
    sync?.introduce({
      store,
      address: () => mesh.addresses[0] ?? '',
      onIntroduced: others => mesh.introduced(others),
    })
  }
  return mesh
}
