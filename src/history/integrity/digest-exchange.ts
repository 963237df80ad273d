/**
 * Digests of documents, exchanged between replicas: two that have taken in the same must hold the
 * same. Equal state vectors do not prove that (a client id that was used twice diverges for ever),
 * so each replica publishes a digest of its content with the state vector it is of, and compares
 * those whose state vectors are equal.
 */
import { StatemeshError } from '../../base/error.ts'
import { checkId } from '../../model/id.ts'
import { definePartition } from '../../model/partition-definition.ts'
import type { Scope } from '../../model/scope.ts'
import type { CrdtPartition } from '../../partition/crdt-partition.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import { openTogether } from '../open-together.ts'
import type { HistoryReplica } from '../replica-port.ts'
import { fieldsOf, isText } from '../stored-fields.ts'
import { documentDigest, stateDigest } from './document-digest.ts'
import type { IntegrityCheck, IntegrityIssue } from './integrity-check.ts'

/** What a replica says of a document. */
export interface PublishedDigest {
  readonly partition: string
  /** The replica's name. */
  readonly node: string
  /** Of its state vector: what it is that it has taken in. */
  readonly state: string
  /** Of its content. */
  readonly digest: string
}

export interface DigestOptions {
  /** The names of the partitions of the scope that are compared, whatever their policies are. */
  partitions: readonly string[]
  /** What this replica is called; the name of its actor unless given. No two may share one. */
  node?: string
}

const digestsPartition = 'digests'

/**
 * Opens the exchange of digests of a scope.
 *
 * @throws ID_INVALID for the node, PARTITION_INVALID, and as `Replica.open` does
 */
export async function openDigests(
  replica: HistoryReplica,
  scope: Scope,
  options: DigestOptions,
): Promise<DigestExchange> {
  const node = checkId(options.node ?? replica.actor, 'the name of a node')
  const definition = definePartition<PublishedDigest, 'last-write-wins'>({
    name: digestsPartition,
    policy: 'last-write-wins',
  })
  if (options.partitions.includes(digestsPartition)) {
    throw new StatemeshError('PARTITION_INVALID', 'the digests themselves are not compared')
  }
  const names = [...new Set(options.partitions)]
  const contents = names.map(name => definePartition({ name, policy: 'crdt' }))
  const published = replica.open(scope, definition)
  const [registers, ...documents] = await openTogether([
    published,
    ...contents.map(content => replica.open(scope, content)),
  ])
  const byName = new Map(documents.map((document, index) => [names[index] as string, document]))
  return new DigestExchange(node, byName, registers)
}

export class DigestExchange {
  readonly #node: string
  readonly #documents: ReadonlyMap<string, CrdtPartition>
  readonly #published: RegisterPartition<PublishedDigest>

  /** Not for users: `openDigests` makes it. */
  constructor(
    node: string,
    documents: ReadonlyMap<string, CrdtPartition>,
    published: RegisterPartition<PublishedDigest>,
  ) {
    this.#node = node
    this.#documents = documents
    this.#published = published
  }

  /** What this replica holds now. Reads every document whole. @throws CLOSED */
  own(): PublishedDigest[] {
    return [...this.#documents].map(([partition, { doc }]) => {
      const held = { state: stateDigest(doc), digest: documentDigest(doc) }
      return Object.freeze({ partition, node: this.#node, ...held })
    })
  }

  /** Tells the others what this replica holds, where it has changed. @throws CLOSED */
  publish(): void {
    this.#published.transact(() => {
      for (const own of this.own()) {
        const key = `${own.partition}/${own.node}`
        const before = this.#published.get(key)
        if (before?.state === own.state && before.digest === own.digest) continue
        this.#published.set(key, own)
      }
    })
  }

  /** Which replicas have taken in the same as another and hold something else. @throws CLOSED */
  compare(): IntegrityIssue[] {
    const own = this.own()
    const others = [...this.#published.entries()].flatMap(([, digest]) => {
      const { partition, node, state, digest: content } = fieldsOf(digest)
      const whole = [partition, node, state, content].every(isText)
      return whole && node !== this.#node ? [digest] : []
    })
    const all = [...own, ...others]
    return all.flatMap((one, index) => {
      return all
        .slice(index + 1)
        .flatMap(other => (differ(one, other) ? [issueOf(one, other)] : []))
    })
  }

  /** A check that publishes what is here and compares. */
  check(name: string): IntegrityCheck {
    return {
      name,
      run: () => {
        this.publish()
        return this.compare()
      },
    }
  }

  /** Gives the documents back. Later calls throw CLOSED. */
  close(): void {
    for (const document of this.#documents.values()) document.close()
    this.#published.close()
  }
}

function differ(a: PublishedDigest, b: PublishedDigest): boolean {
  return a.partition === b.partition && a.state === b.state && a.digest !== b.digest
}

function issueOf(a: PublishedDigest, b: PublishedDigest): IntegrityIssue {
  const nodes = [a.node, b.node].sort()
  const message = `${a.partition}: ${nodes.join(' and ')} have taken in the same, and hold another`
  const details = { partition: a.partition, nodes, digests: [a.digest, b.digest] }
  return Object.freeze({ kind: 'digest-mismatch', message, details })
}
