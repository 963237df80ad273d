/**
 * The second part of the demo, with the agents at one table: two of them are cut off, decide
 * differently, and spend all they can get; then everybody is in touch again and it is settled.
 */
import { type CouncilReport, type CouncilTask, councilTasks } from './council.ts'
import type { Fleet } from './fleet.ts'
import type { Member } from './member.ts'

export interface CouncilOutcome {
  /** What the two who were cut off did, by name. */
  readonly disputes: { readonly [name: string]: CouncilReport }
  /** How many tokens were spent in all, by what the agents were told. */
  readonly spent: number
  /** What the one who settles it saw before and after. */
  readonly found: CouncilReport
  readonly settled: CouncilReport
  /** What everybody sees in the end, by name. */
  readonly reports: { readonly [name: string]: CouncilReport }
}

export async function playCouncil(fleet: Fleet): Promise<CouncilOutcome> {
  const chair = fleet.member('ada')
  const rivals = [fleet.member('bela'), fleet.member('dara')]
  const ask = (member: Member, task: CouncilTask) =>
    fleet.watch.settles(`${member.name} to ${task}`, member.ask(task))
  const askAll = async (members: readonly Member[], task: CouncilTask) =>
    Object.fromEntries(
      await Promise.all(
        members.map(async member => [member.name, await ask(member, task)] as const),
      ),
    )

  await ask(chair, councilTasks.fund)
  const draws = await askAll(rivals, councilTasks.draw)
  for (const rival of rivals) rival.cut()
  const disputes = await askAll(rivals, councilTasks.dispute)
  for (const rival of rivals) rival.mend()
  await askAll(rivals, councilTasks.report) // in touch again, and everything is at the relay
  const found = await ask(chair, councilTasks.report)
  const settled = await ask(chair, councilTasks.settle)
  const reports = await askAll(fleet.members, councilTasks.report)
  const spent = [...Object.values(draws), ...Object.values(disputes)]
  return {
    disputes,
    spent: spent.reduce((sum, report) => sum + report.spent, 0),
    found,
    settled,
    reports,
  }
}
