/** A training that lasts, to be looked at and disturbed. */
import { type Locator, expect } from '@playwright/test'
import type { Person } from './person.ts'
import type { Workbench } from './workbench.ts'

/**
 * From the scene 'gate': the spot-check is skipped, and M1 is trained for 180 steps. Every step is followed by a checkpoint
 * (a step takes more than a millisecond), so that behind a step that is shown the one before it is safe, however fast the
 * machine is.
 */
export async function beginsALongTraining(person: Person, workbench: Workbench): Promise<void> {
  const { settings } = await workbench.ask('run/settings', {})
  await workbench.ask('run/change', { settings: { checkpointSeconds: 0.001, dpo: { ...settings.dpo, epochs: 12 } } })
  await person.goesTo('Spot-check')
  await person.presses('Skip the spot-check')
  await expect(trainingTitle(person)).toBeVisible()
}

export const trainingTitle = (person: Person, step = /\d+/): Locator => person.page.getByRole('heading', { level: 1, name: new RegExp(`^Training M1 into M2: step ${step.source} of 180`) })
