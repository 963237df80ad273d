/** The transitions of the ElizaOS document, on the standard levels of a conversation. */
import { z } from 'zod'
import type { Hierarchy, standardLevels } from './hierarchy.ts'
import { defineTransition, type Transition } from './state-manager.ts'

type Levels = Hierarchy<typeof standardLevels>

const id = z.string().min(1)

/** Add your own as `{ ...standardTransitions, mine }`. */
export const standardTransitions: {
  readonly message_received: Transition<Levels, { id: string; from: string; text: string }>
  readonly goal_completed: Transition<Levels, { goal: string }>
  readonly user_joined: Transition<Levels, { user: string }>
  readonly context_switch: Transition<Levels, { context: string; topic: string | null }>
} = {
  message_received: defineTransition(
    z.object({ id, from: id, text: z.string() }),
    (message, levels: Levels) => {
      levels.at('conversation').thread.append(message)
      levels.at('room').history.append(message)
    },
  ),
  goal_completed: defineTransition(z.object({ goal: id }), ({ goal }, levels: Levels) => {
    levels.at('conversation').conversation.dispatch('completeGoal', goal)
  }),
  user_joined: defineTransition(z.object({ user: id }), ({ user }, levels: Levels) => {
    levels.at('room').room.dispatch('join', user)
  }),
  context_switch: defineTransition(
    z.object({ context: z.string(), topic: z.string().nullable() }),
    ({ context, topic }, levels: Levels) => {
      levels.at('room').room.dispatch('setContext', context)
      levels.at('conversation').conversation.dispatch('setTopic', topic)
    },
  ),
}
