/** A bank whose balances are made of events, for the tests of history. */
import { z } from 'zod'
import { defineEvents, type EventsDefinition } from '../../src/history/events/event-definition.ts'
import {
  defineProjection,
  type ProjectionDefinition,
} from '../../src/history/events/projection-definition.ts'

type Movement = z.ZodType<{ account: string; amount: number }>

export type BankSchemas = {
  readonly credited: Movement
  readonly debited: Movement
  readonly closed: z.ZodType<{ account: string }>
}

const movement: Movement = z.object({ account: z.string(), amount: z.number().positive() })

export const Bank: EventsDefinition<BankSchemas> = defineEvents<BankSchemas>({
  name: 'bank',
  events: { credited: movement, debited: movement, closed: z.object({ account: z.string() }) },
})

export const Balances: ProjectionDefinition<BankSchemas, number> = defineProjection<
  number,
  BankSchemas
>({
  name: 'balances',
  events: Bank,
  rules: {
    credited: (view, { data }) =>
      view.set(data.account, (view.get(data.account) ?? 0) + data.amount),
    debited: (view, { data }) => {
      const balance = view.get(data.account) ?? 0
      // Depends on the order: whoever comes first gets the money.
      if (balance < data.amount) throw new Error('insufficient balance')
      view.set(data.account, balance - data.amount)
    },
    closed: (view, { data }) => view.delete(data.account),
  },
})
