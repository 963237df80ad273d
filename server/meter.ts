/** What a relay counts and times while it works, for whoever wants to look. */
export interface RelayMeter {
  /** An update has arrived. */
  update(bytes: number): void
  /** A commit has made entries of logs durable; it took so long from the first of them. */
  committed(entries: number, bytes: number, milliseconds: number): void
  /** An ack `durable` leaves; the oldest update that it covers arrived so long ago. */
  acked(milliseconds: number): void
  /** Something was refused, with a code. */
  rejected(code: string): void
  /** A connection began to be throttled. */
  throttled(): void
  /** The log of a document was compacted. */
  compacted(): void
}

/** Counts nothing. */
export const silentMeter: RelayMeter = {
  update: () => undefined,
  committed: () => undefined,
  acked: () => undefined,
  rejected: () => undefined,
  throttled: () => undefined,
  compacted: () => undefined,
}
