/**
 * Where the structs of an update are in its bytes. In the V1 encoding a struct is written without
 * regard to what stands before it, so that updates can be cut and joined by copying bytes, which
 * takes a hundredth of the time of decoding them.
 */

/** Structs of one client that follow one another, in the bytes and in clocks. */
export interface Block {
  readonly client: number
  readonly clock: number
  /** The clock after the last. */
  readonly end: number
  /** How many structs. */
  readonly count: number
  /** Where they start in the bytes, and where they end. */
  readonly from: number
  readonly to: number
}

export interface UpdateLayout {
  /** In the order of the bytes; those of a client one after another, ascending. */
  readonly blocks: readonly Block[]
  /** Where the delete set starts in the bytes. */
  readonly deleteSetOffset: number
  /** Where the update ends in the bytes. What follows is not of the update, and is not read. */
  readonly endOffset: number
}

/**
 * Blocks grow to about this: finding a clock means passing over half a block, some 30 us, and a
 * document of 10 MB has 300 blocks.
 */
export const blockBytes: number = 32 * 1024

// The first byte of a struct: its kind, and for items what follows.
export const flagOrigin = 0x80
export const flagRightOrigin = 0x40
export const flagParentKey = 0x20
export const kindMask = 0x1f
export const kindGc = 0
export const kindSkip = 10

/** Whether an update deletes anything. */
export function hasDeletes(update: Uint8Array, { deleteSetOffset }: UpdateLayout): boolean {
  return update[deleteSetOffset] !== 0
}
