/** Replaces methods of the product while a planted bug is hunted, and puts them back. */
import { present } from '../../src/base/assert.ts'

type Method<Target, Name extends keyof Target> = Target[Name] extends (
  ...args: infer Args
) => infer Result
  ? (this: Target, ...args: Args) => Result
  : never

/** Puts another method in the place of one; the returned function puts it back. */
export function patchMethod<Target extends object, Name extends keyof Target>(
  target: Target,
  name: Name,
  make: (original: Method<Target, Name>) => Method<Target, Name>,
): () => void {
  const original = target[name] as Method<Target, Name>
  Object.assign(target, { [name]: make(original) })
  return () => {
    Object.assign(target, { [name]: original })
  }
}

/** Puts another getter in the place of one; the returned function puts it back. */
export function patchGetter<Target extends object, Name extends keyof Target>(
  target: Target,
  name: Name,
  get: (this: Target) => Target[Name],
): () => void {
  const original = present(Object.getOwnPropertyDescriptor(target, name), 'the getter is there')
  Object.defineProperty(target, name, { ...original, get })
  return () => {
    Object.defineProperty(target, name, original)
  }
}

/** True once in so many calls: repeatable, as randomness of its own would not be. */
export function everyNth(n: number): () => boolean {
  let calls = 0
  return () => {
    calls += 1
    return calls % n === 0
  }
}
