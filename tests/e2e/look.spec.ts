import { expect, test } from './workbench.ts'

test.use({ scene: 'finished' })

test('the history tells every prompt’s ranking under every judge, filtered, and what became of a response', async ({ page, person }) => {
  await person.goesTo('History')
  const grid = page.getByRole('grid', { name: 'Prompts of this run' })
  const rows = grid.getByRole('row')
  await expect(grid).toHaveAttribute('aria-rowcount', '121') // 120 prompts and the head

  await page.getByRole('combobox', { name: 'Verdicts' }).selectOption({ label: 'judged by people' })
  await expect(grid).toHaveAttribute('aria-rowcount', /^([2-9]|1[0-3])$/) // of the twelve audited, once they are there, and the head
  const audited = Number(await grid.getAttribute('aria-rowcount')) - 1
  await page.getByRole('combobox', { name: 'Iteration', exact: true }).selectOption({ label: '2: M2 → M3' })
  await expect(grid).toHaveAttribute('aria-rowcount', '1') // nobody looked at the second round
  await page.getByRole('combobox', { name: 'Iteration', exact: true }).selectOption({ label: '1: M1 → M2' })
  await expect(grid).toHaveAttribute('aria-rowcount', String(audited + 1))
  await page.getByRole('combobox', { name: 'Task' }).selectOption({ index: 1 })
  await person.reloads()
  await expect(page.getByRole('combobox', { name: 'Verdicts' })).not.toHaveValue('')
  await page.getByRole('button', { name: 'Show all' }).click()
  await expect(grid).toHaveAttribute('aria-rowcount', '121')

  // By keyboard to a judged prompt, and into what became of its responses.
  await page.getByRole('combobox', { name: 'Verdicts' }).selectOption({ label: 'judged by people' })
  await expect(rows.nth(1)).toBeVisible()
  await grid.focus()
  await page.keyboard.press('ArrowDown')
  await expect(grid.getByRole('row', { selected: true })).toBeVisible()
  const bump = page.getByRole('figure').first()
  await bump.getByRole('button', { name: /^Table of: / }).click()
  await expect(bump.getByRole('table')).toContainText('M1')
  const fate = page.getByRole('table', { name: /^The pair of every ranking/ }).getByRole('row').filter({ hasText: 'M1 → M2' })
  await expect(fate).toContainText(/▲ over . ▼, margin .*(by a person.*steps? \d+|dropped at the spot-check)/)
  await expect(page.getByRole('table', { name: 'Verdicts that stand' })).toContainText('Ana')
})

test('two projects stand side by side with only what differs', async ({ page, person, workbench }) => {
  const { iterationId } = await person.iteration(1)
  await workbench.ask('run/back', { key: 'a-branch-to-compare', iterationId, stage: 'train', settings: {} })
  await person.goesTo('History')
  await page.getByRole('radio', { name: 'Compare branches' }).check()
  await expect(page.getByRole('main')).toContainText('M2·b')
  await page.getByRole('link', { name: 'Creamery' }).click()
  await page.getByRole('button', { name: 'More about Demo' }).click()
  await page.getByRole('button', { name: 'Duplicate …' }).click()
  await page.getByLabel('Name', { exact: true }).fill('The other one')
  await page.getByRole('button', { name: 'Duplicate', exact: true }).click()
  await expect(page.getByRole('button', { name: 'Open The other one' })).toBeVisible()
  await page.getByRole('button', { name: 'Open Demo' }).click()
  await person.goesTo('History')
  await page.getByRole('radio', { name: 'Compare projects' }).check()
  await page.getByRole('checkbox', { name: /The other one/ }).check()
  await expect(page.getByRole('table').filter({ hasText: 'The other one' }).first()).toBeVisible()
  await expect(page.getByRole('figure').first()).toBeVisible()
})

test('settings: a theme for this computer, the rest fixed by what used it, and the same from a terminal', async ({ page, person }) => {
  await person.goesTo('Settings')
  const background = (): Promise<string> => page.getByRole('banner').evaluate((header) => getComputedStyle(header).backgroundColor)
  await page.getByRole('radio', { name: 'Light' }).check()
  const light = await background()
  await page.getByRole('radio', { name: 'Dark' }).check()
  await expect.poll(background).not.toBe(light)
  await person.reloads()
  expect(await background()).not.toBe(light) // kept
  await page.getByRole('radio', { name: 'As the system' }).check()
  await page.emulateMedia({ colorScheme: 'light' })
  await expect.poll(background).toBe(light)
  await expect(page.getByRole('main')).toContainText(/creamery resume --project|npm run .*resume/)
  await expect(page.getByLabel('DPO β')).toBeDisabled()
})

test('nothing moves for those who ask for less of it', async ({ page, person }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await person.goesTo('Rank')
  await person.settles()
  const moving = await page.evaluate(() => [...document.querySelectorAll('*')].filter((element) => {
    const { transitionDuration, animationDuration } = getComputedStyle(element)
    return [transitionDuration, animationDuration].some((value) => value.split(',').some((one) => Number.parseFloat(one) > 0.001))
  }).map(({ outerHTML }) => outerHTML.slice(0, 80)))
  expect(moving).toEqual([])
})

test('the steps stand beside the open project only, and a link leads back to where it was left', async ({ page, person }) => {
  await person.goesTo('Evaluate')
  await page.getByRole('link', { name: 'Creamery' }).click()
  await person.sees('Align a small language model with itself, on this computer')
  await expect(person.rail).toBeHidden()
  await person.presses('New project')
  await expect(person.rail).toBeHidden()
  await page.getByRole('link', { name: 'Back to Demo' }).click()
  await expect(page).toHaveTitle('Evaluate · Creamery')
  await expect(person.rail).toBeVisible()
})

test('an iteration that was trained without a spot-check shows that, and asks nothing any more', async ({ page, person }) => {
  await person.goesTo('Spot-check')
  await person.chooses(2)
  await person.sees(/^Nobody looked at M2.s judgements/)
  await expect(person.button('Continue to Train')).toBeEnabled()
  await expect(page.getByLabel('Annotator')).toHaveCount(0)
})
