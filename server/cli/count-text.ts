/** Numbers of things, for people. */

/** Such as `1 document` and `2 documents`. */
export function countText(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}
