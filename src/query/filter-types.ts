/** What filters and sorts look like, typed as far as the value is known. */

/** Conditions on one field; all of them have to hold. */
export interface FieldConditions<Field> {
  readonly $eq?: Operand<Field>
  readonly $ne?: Operand<Field>
  readonly $gt?: Field
  readonly $gte?: Field
  readonly $lt?: Field
  readonly $lte?: Field
  readonly $in?: readonly Operand<Field>[]
  readonly $nin?: readonly Operand<Field>[]
  readonly $exists?: boolean
  readonly $type?: string | readonly string[]
  readonly $mod?: readonly [divisor: number, remainder: number]
  readonly $regex?: string | RegExp
  readonly $options?: string
  readonly $not?: FieldConditions<Field> | RegExp
  readonly $all?: readonly unknown[]
  readonly $elemMatch?: object
  readonly $size?: number
}

/** A value of the field, or of an element of it where it holds several; null for absent. */
export type Operand<Field> = Field | ElementOf<Field> | RegExp | null

type ElementOf<Field> = Field extends readonly (infer Element)[] | ReadonlySet<infer Element>
  ? Element
  : never

/**
 * A filter in the style of MongoDB: fields with what they have to be, all of which has to hold. A
 * path (`'owner.name'`), the name of a declared index, `_id` for the key, or `_value` for a value
 * that is no object may stand for a field. `{}` is everything.
 */
export type Filter<Value = unknown> = {
  readonly [Field in FieldName<Value>]?:
    | Operand<NonNullable<Value[Field]>>
    | FieldConditions<NonNullable<Value[Field]>>
} & {
  readonly $and?: readonly Filter<Value>[]
  readonly $or?: readonly Filter<Value>[]
  readonly $nor?: readonly Filter<Value>[]
  readonly [path: string]: unknown
}

type FieldName<Value> = Value extends readonly unknown[] | ReadonlySet<unknown> | Date | Uint8Array
  ? never
  : Value extends object
    ? keyof Value & string
    : never

/** Fields to sort by, the most significant first: 1 for ascending, -1 for descending. */
export interface Sort {
  readonly [field: string]: 1 | -1
}
