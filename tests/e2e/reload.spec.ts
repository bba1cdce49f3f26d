import { expect, test } from './workbench.ts'

test.describe('while responses stream in', () => {
  test.use({ scene: 'tuned' })

  test('they are counted and read as they come; a reload in the middle loses neither them nor what was read', async ({ page, person }) => {
    await person.goesTo('Tune')
    await person.presses('Continue: sample')
    await person.presses('Run on to the spot-check')
    await expect(page).toHaveTitle('Sample · Creamery')
    await person.sees(/so far|has written|is writing|of 600/)
    await expect(person.jobBar).toContainText(/\d\/\d.*left/)
    const rows = page.getByRole('grid', { name: 'Prompts of this iteration' })
    await expect(rows.getByRole('row').filter({ hasText: /\d\/4/ }).first()).toBeVisible() // the first responses can be read

    await rows.getByRole('row').nth(3).click()
    const { hash } = new URL(page.url())
    expect(hash).toContain('row=2')
    await person.reloads()
    expect(new URL(page.url()).hash).toBe(hash)
    await expect(rows.getByRole('row').nth(3)).toHaveAttribute('aria-selected', 'true')
    await person.waitsFor(/responses/)
    await expect(person.jobBar).toContainText('Waits for you: ', { timeout: 120_000 })
    await expect(person.button('Continue to Rank')).toBeVisible()
  })
})

test.describe('a reload in the middle', () => {
  test.use({ scene: 'gate' })

  test('of ranking another way keeps the choice, the filters and the prompt', async ({ page, person }) => {
    await person.goesTo('Rank')
    await page.getByLabel('Statistic').selectOption({ label: 'TopOrder' })
    await page.getByLabel('Became').selectOption('pair')
    await page.getByLabel('Order', { exact: true }).selectOption({ index: 1 })
    const grid = page.getByRole('grid', { name: 'Prompts of this iteration' })
    await grid.getByRole('row').nth(3).click()
    const chosen = await grid.getByRole('row', { selected: true }).innerText()
    const finding = page.getByText(/pairs? change/).first()
    await expect(finding).toBeVisible()
    const said = await finding.innerText()
    await person.reloads()
    await expect(finding).toHaveText(said)
    await expect(page.getByLabel('Statistic')).toHaveValue('toporder')
    await expect(page.getByLabel('Became')).toHaveValue('pair')
    await expect(grid.getByRole('row', { selected: true })).toHaveText(chosen, { useInnerText: true })
  })

  test('of a spot-check comes back to the pair and to the note that was being typed; a half-written form stays', async ({ page, person }) => {
    await person.goesTo('Spot-check')
    await page.getByLabel('Criterion').fill('the sum is right')
    await page.getByRole('spinbutton', { name: 'Pairs' }).fill('7')
    await page.keyboard.press('Tab') // a number counts once its field is left
    await person.reloads()
    await expect(page.getByLabel('Criterion')).toHaveValue('the sum is right')
    await expect(page.getByRole('spinbutton', { name: 'Pairs' })).toHaveValue('7')

    await person.startsSpotCheck()
    await person.judges('1')
    await person.isHeard()
    const pair = await person.reads()
    await page.keyboard.press('n')
    await page.keyboard.type('is it really ')
    await person.reloads()
    await expect(person.item).toHaveAttribute('aria-label', 'Pair 2 of 8')
    expect(await person.reads()).toEqual(pair)
    await expect(page.getByRole('textbox', { name: 'Note' })).toHaveValue('is it really ')
    await person.goesTo('Rank') // and leaving is no less kept
    await person.goesTo('Spot-check')
    await expect(person.item).toHaveAttribute('aria-label', 'Pair 2 of 8')
    await expect(page.getByRole('textbox', { name: 'Note' })).toHaveValue('is it really ')
    await page.keyboard.press('Escape')
    await person.judgesAll()

    await person.closesSpotCheck()
    await page.getByRole('radio', { name: /^Train anyway/ }).check()
    await page.getByRole('textbox', { name: 'Reason' }).fill('half a reas')
    await person.reloads()
    await expect(page.getByRole('textbox', { name: 'Reason' })).toHaveValue('half a reas')
  })

  test('of planning a project keeps what was picked and typed', async ({ page, person }) => {
    await page.getByRole('link', { name: 'Creamery' }).click()
    await person.presses('New project')
    await person.presses('Take the bundled model')
    await person.sees(/can be aligned here$/) // main has answered: from now on it is picked
    await person.reloads()
    await person.sees(/can be aligned here$/)
    await person.presses('Continue to the data')
    const asked: (string | null)[] = []
    page.on('framenavigated', () => (asked.length = 0))
    page.on('request', (request) => {
      if (request.url().endsWith('/data/preview')) asked.push(request.postData())
    })
    await person.reloads()
    await expect(page.getByRole('heading', { name: 'Prompts: bundled prompts' })).toBeVisible()
    await expect(person.button('Continue to the plan')).toBeEnabled()
    expect(asked.length).toBe(3) // each file is looked at once
    await person.presses('Continue to the plan')
    await page.getByLabel('Name').fill('Half planned')
    await page.getByLabel('Use only the first … prompts').fill('64')
    await page.keyboard.press('Tab')
    await person.reloads()
    await expect(page.getByLabel('Name')).toHaveValue('Half planned')
    await expect(page.getByLabel('Use only the first … prompts')).toHaveValue('64')
  })
})

test.describe('a lost connection', () => {
  test.use({ scene: 'finished' })

  test('is told, and what was asked meanwhile is there once it is back', async ({ page, person, workbench, host }) => {
    test.skip(host !== 'browser', 'no socket to cut')
    workbench.expectProblem(/ERR_FAILED/)
    let cut = (): void => {}
    await page.routeWebSocket(/./, (socket) => {
      socket.connectToServer()
      cut = () => void socket.close()
    })
    await person.reloads()
    await page.route('**/api/**', (route) => route.abort())
    cut()
    await expect(page.getByRole('alert').filter({ hasText: 'Creamery does not answer; connecting again' })).toBeVisible()
    await person.step('History').click()
    await expect(page.getByText('is it still running where you started it?').first()).toBeVisible()
    await page.unroute('**/api/**')
    cut() // it had connected again, but nothing was answered
    await expect(person.page.getByRole('table').first()).toBeVisible()
    await expect(page.getByText('is it still running where you started it?')).toHaveCount(0)
  })
})

test.describe('with all done, a reload', () => {
  test.use({ scene: 'finished' })

  test('shows every step as it was', async ({ page, person }) => {
    for (const step of ['Model', 'Data', 'Tune', 'Sample', 'Rank', 'Spot-check', 'Train', 'Evaluate', 'History', 'Export', 'Settings'] as const) {
      await person.goesTo(step)
      const outline = (): Promise<string[]> => page.getByRole('main').getByRole('heading').allInnerTexts()
      await person.settles()
      const before = await outline()
      const url = page.url()
      await person.reloads()
      await expect.poll(outline, step).toEqual(before)
      expect(page.url()).toBe(url)
    }
  })
})
