/** What has to do with the browser itself. */

const durabilities = new Set<string>()

export const platformSteps = {
  /** Resolves when the script has run to its end. */
  async importScript(url: string): Promise<void> {
    await import(/* @vite-ignore */ url)
  },
  /** Has the browser forget what the site has stored. */
  async forget(): Promise<void> {
    await fetch('/forget')
  },
  /** From now on, notes what writers of IndexedDB ask for. */
  watchDurability(): void {
    const { transaction } = IDBDatabase.prototype
    IDBDatabase.prototype.transaction = function (...options: Parameters<typeof transaction>) {
      const made = transaction.apply(this, options)
      if (made.mode === 'readwrite') durabilities.add(made.durability)
      return made
    }
  },
  durabilities(): string[] {
    return [...durabilities]
  },
  async databases(): Promise<(string | undefined)[]> {
    return (await indexedDB.databases()).map(({ name }) => name)
  },
}
