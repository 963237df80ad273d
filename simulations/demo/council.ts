/**
 * What the agents decide together when the text is indexed: which section is the best one, and who
 * spends of the team's tokens. An agent does one task at a time, when the coordinator asks it to.
 */
import {
  agent,
  type BudgetPartition,
  definePartition,
  globalScope,
  pick,
  type RegisterPartition,
  type Replica,
  StatemeshError,
} from '../../src/index.ts'

/** Under `manual` two verdicts that did not see each other wait for somebody to decide. */
const Verdicts = definePartition<string>({ name: 'verdicts', policy: 'manual' })
const Tokens = definePartition({ name: 'tokens', policy: 'budget' })

const bestSection = 'best section'
const account = 'team'

export const councilTasks = {
  /** Brings the team's tokens into being. */
  fund: 'fund',
  /** Draws some of them, which takes rights from whoever has them. */
  draw: 'draw',
  /** Cut off: says what the best section is, and spends tokens until it gets no more. */
  dispute: 'dispute',
  /** Finds the conflict and resolves it. */
  settle: 'settle',
  /** Says what it sees in the end. */
  report: 'report',
} as const
export type CouncilTask = (typeof councilTasks)[keyof typeof councilTasks]

/** What the team has, and what each of two agents draws while everybody is in touch. */
export const tokensMinted = 60
export const tokensDrawn = 10

export interface CouncilReport {
  /** What the agent takes for the best section; undefined while there is no verdict. */
  readonly verdict: string | undefined
  /** The verdicts that stand against each other, each with its actor. */
  readonly conflicts: readonly { readonly actor: string; readonly verdict: string | undefined }[][]
  /** Of the debits that this task asked for, how many tokens were given and how many refused. */
  readonly spent: number
  readonly refused: number
  /** What is left of the team's tokens, as far as this agent knows. */
  readonly balance: number
}

export class Council {
  readonly #replica: Replica
  readonly #verdicts: RegisterPartition<string>
  readonly #tokens: BudgetPartition
  #spent = 0
  #refused = 0

  /** Not to be called directly: `openCouncil` opens what it needs. */
  constructor(replica: Replica, verdicts: RegisterPartition<string>, tokens: BudgetPartition) {
    this.#replica = replica
    this.#verdicts = verdicts
    this.#tokens = tokens
  }

  /** @throws as `Replica.flush` does, and what partitions throw */
  async run(task: CouncilTask): Promise<CouncilReport> {
    this.#spent = this.#refused = 0
    // Cut off, an agent has nobody to ask.
    if (task !== councilTasks.dispute) await this.#replica.synced()
    await this.#do(task)
    if (task !== councilTasks.dispute) await this.#replica.flush()
    return this.#report()
  }

  async #do(task: CouncilTask): Promise<void> {
    switch (task) {
      case 'fund':
        return this.#tokens.mint(account, tokensMinted)
      case 'draw':
        return this.#spend(tokensDrawn, 30_000)
      case 'dispute':
        this.#verdicts.set(bestSection, `the one that ${this.#replica.actor} likes`)
        for (let token = 0; token < tokensMinted; token++) await this.#spend(1, 10)
        return
      case 'settle':
        for (const { key, siblings, token } of this.#verdicts.conflicts()) {
          const [first] = siblings
          if (first) this.#verdicts.resolve(key, pick(first), { seen: token })
        }
        return
      case 'report':
        return
    }
  }

  async #spend(amount: number, timeoutMilliseconds: number): Promise<void> {
    try {
      await this.#tokens.debit(account, amount, { timeoutMilliseconds })
      this.#spent += amount
    } catch (error) {
      if (!(error instanceof StatemeshError && error.code.startsWith('BUDGET_'))) throw error
      this.#refused += amount
    }
  }

  #report(): CouncilReport {
    return {
      verdict: this.#verdicts.get(bestSection),
      conflicts: this.#verdicts
        .conflicts()
        .map(({ siblings }) => siblings.map(({ actor, value }) => ({ actor, verdict: value }))),
      spent: this.#spent,
      refused: this.#refused,
      balance: this.#tokens.balance(account),
    }
  }
}

/** @throws as `Replica.open` does */
export async function openCouncil(replica: Replica): Promise<Council> {
  const verdicts = await replica.open(globalScope, Verdicts)
  const tokens = await replica.open(agent('team'), Tokens)
  return new Council(replica, verdicts, tokens)
}
