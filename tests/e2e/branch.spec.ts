import { hold } from './hold.ts'
import { expect, test } from './workbench.ts'

test.use({ scene: 'finished' })

test('a person goes back: what becomes stale and what it costs is said first, the old path stays and is made active again, verdicts follow', async ({ page, person, workbench }) => {
  const before = await workbench.ask('run/status', {})
  await person.goesTo('Train')
  await person.chooses(1)
  await person.sees(/^M2 is trained/)

  // Before it is done, its price; looking is free.
  await person.presses('Do this step again …')
  await expect(page.getByText(/This starts a branch that makes M2·b/)).toBeVisible()
  await expect(page.getByText(/stages? would be done again, about/)).toBeVisible()
  await page.getByLabel('DPO β').fill('0.3')
  await page.getByLabel('DPO β').press('Tab')
  await expect(page.getByText(/0\.1 → 0\.3/)).toBeVisible()
  await person.reloads()
  await expect(page.getByText(/0\.1 → 0\.3/)).toBeVisible() // a half-made change is kept
  expect((await workbench.ask('run/status', {})).iterations).toEqual(before.iterations)

  await person.presses('Start the branch to M2·b')
  await expect(person.rail.getByText(/^A branch: does Train and what follows by itself; other settings for /)).toBeVisible()
  await expect(person.step('Train')).toContainText('redo')
  await expect(person.step('Train')).toContainText('stale')
  await expect(person.step('Sample')).toContainText('shared')

  // Verdicts belong to a prompt and two responses: they are there in the branch.
  await person.goesTo('Spot-check')
  const branch = await person.iteration(1)
  expect(branch.iterationId).not.toBe(before.iterations.find(({ t }) => t === 1)!.iterationId)
  const effect = await workbench.ask('audit/effect', { iterationId: branch.iterationId })
  expect(effect.labels.person).toBeGreaterThan(0)

  // The old path: kept, to be looked at, and active again on request.
  await person.chooses('1: M1 → M2')
  await expect(person.rail.getByText('Kept as it was left; the run goes on elsewhere.')).toBeVisible()
  await person.goesTo('Train')
  await person.sees(/^M2 is trained/)
  await person.rail.getByRole('button', { name: 'Make it active' }).click()
  await expect(person.rail.getByText('Kept as it was left; the run goes on elsewhere.')).toBeHidden()
  await expect(person.jobBar).toHaveText('Nothing runs; this run is complete.')
  const after = await workbench.ask('run/status', {})
  expect(after.iterations.map(({ iterationId }) => iterationId)).toEqual(before.iterations.map(({ iterationId }) => iterationId))
  expect(after.others.map(({ iterationId }) => iterationId)).toContain(branch.iterationId)

  // And the branch can be carried on, however slowly main hears of it.
  await person.chooses('1: M1 → M2·b')
  await person.goesTo('Train')
  const letGo = await hold(page, 'run/activate')
  await person.rail.getByRole('button', { name: 'Make it active' }).click()
  await person.button(/^(Train M2·b|Resume the training)$/).click()
  letGo()
  await person.waitsFor(/^M2·b is trained/)
})

test('another ranking is looked at without a forward pass, and used in a branch', async ({ page, person }) => {
  await person.goesTo('Rank')
  await person.chooses(1)
  await page.getByRole('radio', { name: 'SRLM' }).check()
  await expect(page.getByText(/pairs? change/).first()).toBeVisible()
  await expect(page.getByText(/Using this one starts a branch that makes M2·b/)).toBeVisible()
  await person.presses('Use this ranking')
  await expect(page.getByText('This ranking is in use in a new branch; the one before stays as it was.')).toBeVisible()
  await expect(person.rail.getByRole('combobox', { name: 'Iteration shown' }).getByRole('option', { name: '1: M1 → M2·b' })).toBeAttached()
})
