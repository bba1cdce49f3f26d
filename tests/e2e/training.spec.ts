import type { Locator } from '@playwright/test'
import type { Person } from './person.ts'
import { type Workbench, expect, test } from './workbench.ts'

test.use({ scene: 'gate' })

/**
 * The spot-check is skipped, and the training is long enough to be disturbed. Every step is followed by a checkpoint (a step
 * takes more than a millisecond), so that behind a step that is shown the one before it is safe, however fast the machine is.
 */
async function beginsATraining(person: Person, workbench: Workbench): Promise<void> {
  const { settings } = await workbench.ask('run/settings', {})
  await workbench.ask('run/change', { settings: { checkpointSeconds: 0.001, dpo: { ...settings.dpo, epochs: 12 } } }) // 180 steps
  await person.goesTo('Spot-check')
  await person.presses('Skip the spot-check')
  await expect(trainingTitle(person)).toBeVisible()
}

const trainingTitle = (person: Person, step = /\d+/): Locator => person.page.getByRole('heading', { level: 1, name: new RegExp(`^Training M1 into M2: step ${step.source} of 180`) })

/** The step that the title names: "…: step 17 of 180". */
const stepOf = async (person: Person): Promise<number> => Number(/step (\d+)/.exec(await person.title.innerText())?.[1])

/** The curve's steps, from the table behind the chart. */
async function stepsShown(person: Person): Promise<number> {
  const figure = person.page.getByRole('figure').first()
  const table = figure.getByRole('button', { name: /^Table of: / })
  if ((await table.getAttribute('aria-pressed')) === 'false') await table.click()
  await expect(figure.getByRole('table')).toBeVisible()
  return (await figure.getByRole('row').count()) - 1
}

test('a training is paused and resumed, reloaded in its middle, and stopped for good with everything saved', async ({ page, person, workbench }) => {
  await beginsATraining(person, workbench)
  await expect(page.getByText(/ln 2/).first()).toBeVisible() // the reference is right: the first loss is ln 2
  await expect(trainingTitle(person, /[1-9]\d/)).toBeVisible()

  const before = await stepOf(person)
  await person.reloads()
  await expect(trainingTitle(person)).toBeVisible()
  expect(await stepOf(person)).toBeGreaterThanOrEqual(before) // the curve is whole again

  await person.presses(/^Pause/)
  await person.sees(/^Paused at step \d+/)
  await expect(person.jobBar).toContainText('Paused; everything so far is saved.')
  const paused = await stepOf(person)
  await person.reloads()
  await person.sees(new RegExp(`^Paused at step ${paused}\\b.*; it goes on from there`))
  expect(await stepsShown(person)).toBe(paused)

  await page.keyboard.press('p') // the bar's key
  await expect(trainingTitle(person)).toBeVisible()
  await person.presses('Stop and save')
  await person.sees(/^Paused at step \d+/)
  await expect(person.jobBar).toContainText('Nothing runs. Next: training M1 into M2')
  await person.presses('Resume the training')
  await person.waitsFor(/^M2 is trained: 180 steps/)
  expect(await stepsShown(person)).toBe(180)
})

test('the engine is killed in the middle of a training: the page says so, and it goes on from its last checkpoint', async ({ page, person, workbench }) => {
  await beginsATraining(person, workbench)
  await expect(trainingTitle(person, /[2-9]\d/)).toBeVisible()
  expect(await workbench.killEngine()).toBe(1)
  await expect(page.getByRole('region', { name: 'Notices' })).toContainText('it was started again and goes on from the last checkpoint. Nothing is lost.')
  await person.waitsFor(/^M2 is trained: 180 steps/)
  const { iterationId } = await person.iteration(1)
  const { points } = await workbench.ask('training/curve', { stageId: `${iterationId}.train` })
  expect(points.map(({ step }) => step)).toEqual(Array.from({ length: 180 }, (_, i) => i + 1)) // each step once
})

test('the power goes in the middle of a training: the page says what to do, and the training goes on from there', async ({ page, person, workbench }) => {
  await beginsATraining(person, workbench)
  await expect(trainingTitle(person, /[2-9]\d/)).toBeVisible()
  workbench.expectProblem(/WebSocket|ERR_CONNECTION/)
  await workbench.restart('SIGKILL')
  await person.opens('Demo')
  await person.goesTo('Train')
  await person.sees(/^Paused at step \d+/)
  expect(await stepOf(person)).toBeGreaterThan(0)
  await person.presses('Resume the training')
  await person.waitsFor(/^M2 is trained: 180 steps/)
  expect(await stepsShown(person)).toBe(180)
  await expect(page.getByRole('alert')).toHaveCount(0)
})
