/** Opening several handles that are of no use without one another. */

interface Closable {
  close(): void
}

/**
 * Resolves with all of them; where one fails the others are closed again.
 *
 * @throws what the first that failed did
 */
export async function openTogether<const Handles extends readonly Promise<Closable>[]>(
  opening: Handles,
): Promise<{ -readonly [Index in keyof Handles]: Awaited<Handles[Index]> }> {
  const outcomes = await Promise.allSettled(opening)
  const failed = outcomes.find(({ status }) => status === 'rejected')
  if (failed === undefined) return Promise.all(opening) as never
  for (const outcome of outcomes) if (outcome.status === 'fulfilled') outcome.value.close()
  throw (failed as PromiseRejectedResult).reason
}
