import type { Person } from './person.ts'
import { beginsALongTraining, trainingTitle } from './training.ts'
import { expect, test } from './workbench.ts'

test.use({ scene: 'gate' })

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
  await beginsALongTraining(person, workbench)
  await expect(page.getByText(/ln 2/).first()).toBeVisible() // the reference is right: the first loss is ln 2
  await expect(trainingTitle(person, /[1-9]\d/)).toBeVisible()

  const before = await stepOf(person)
  await person.reloads()
  await expect(trainingTitle(person)).toBeVisible()
  expect(await stepOf(person)).toBeGreaterThanOrEqual(before) // the curve is whole again

  await person.presses(/^Pause/)
  await person.sees(/^Paused at step \d+ of 180/)
  await expect(person.jobBar).toContainText('Paused; everything so far is saved.')
  await person.settles() // the last checkpoint's steps are asked for once more
  const paused = await stepOf(person)
  await person.reloads()
  await person.sees(`Paused at step ${paused} of 180; it goes on from there`)
  expect(await stepsShown(person)).toBe(paused)

  await page.keyboard.press('p') // the bar's key
  await expect(trainingTitle(person)).toBeVisible()
  await person.presses('Stop and save')
  await person.sees(/^Paused at step \d+ of 180/)
  await expect(person.jobBar).toContainText('Nothing runs. Next: training M1 into M2')
  await person.presses('Resume the training')
  await person.waitsFor(/^M2 is trained: 180 steps/)
  expect(await stepsShown(person)).toBe(180)
})

test('while what ran is being put away, what comes next is shown but cannot be started yet', async ({ page, person, host }) => {
  test.skip(host !== 'browser', 'no socket to hold its messages back on')
  let putAway = (): void => {}
  const isPutAway = new Promise<void>((resolve) => (putAway = resolve))
  let passed = Promise.resolve()
  await page.routeWebSocket(/./, (socket) => {
    const main = socket.connectToServer()
    main.onMessage((message) => {
      if (String(message).includes('"job-ended"')) passed = passed.then(() => isPutAway)
      passed = passed.then(() => socket.send(message)) // in their order
    })
  })
  await person.reloads()
  await person.goesTo('Spot-check')
  await person.presses('Skip the spot-check')
  await person.waitsFor(/^M2 is trained/)
  await person.settles() // the stage is over and its job is not, for all that the page has been told
  await expect(person.button('Evaluate M2')).toBeDisabled()
  putAway()
  await person.presses('Evaluate M2')
  await expect(person.button('Next iteration: from M2')).toBeVisible({ timeout: 60_000 })
})

test('the engine is killed in the middle of a training: the page says so, and it goes on from its last checkpoint', async ({ page, person, workbench }) => {
  await beginsALongTraining(person, workbench)
  await expect(trainingTitle(person, /[2-9]\d/)).toBeVisible()
  expect(await workbench.killEngine()).toBe(1)
  await expect(page.getByRole('region', { name: 'Notices' })).toContainText('it was started again and goes on from the last checkpoint. Nothing is lost.')
  await person.waitsFor(/^M2 is trained: 180 steps/)
  const { iterationId } = await person.iteration(1)
  const { points } = await workbench.ask('training/curve', { stageId: `${iterationId}.train` })
  expect(points.map(({ step }) => step)).toEqual(Array.from({ length: 180 }, (_, i) => i + 1)) // each step once
})

test('the power goes in the middle of a training: the page says what to do, and the training goes on from there', async ({ page, person, workbench }) => {
  await beginsALongTraining(person, workbench)
  await expect(trainingTitle(person, /[2-9]\d/)).toBeVisible()
  workbench.expectProblem(/WebSocket|ERR_CONNECTION/)
  await workbench.restart('SIGKILL')
  await person.opens('Demo')
  await person.goesTo('Train')
  await person.sees(/^Paused at step [1-9]\d* of 180/)
  await person.presses('Resume the training')
  await person.waitsFor(/^M2 is trained: 180 steps/)
  expect(await stepsShown(person)).toBe(180)
  await expect(page.getByRole('alert')).toHaveCount(0)
})
