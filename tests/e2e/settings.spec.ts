import { hold } from './hold.ts'
import { beginsALongTraining, trainingTitle } from './training.ts'
import { expect, test } from './workbench.ts'

test.describe('settings of the run', () => {
  test.use({ scene: 'gate' })

  test('changed faster than main answers are all kept, those of one group too', async ({ page, person, workbench, host }) => {
    test.skip(host !== 'browser', 'no request to hold back')
    await person.goesTo('Settings')
    const [batch, beta] = [page.getByLabel('DPO batch'), page.getByLabel('DPO β')]
    const before = Number(await batch.inputValue())
    const letGo = await hold(page, 'run/change')
    for (let i = 0; i < 3; i++) await batch.press('ArrowUp')
    await beta.fill('0.3')
    await beta.press('Tab')
    letGo()
    await person.settles()
    await expect(batch).toHaveValue(String(before + 3))
    await expect(beta).toHaveValue('0.3')
    expect((await workbench.ask('run/settings', {})).settings.dpo).toMatchObject({ batchSize: before + 3, beta: 0.3 })
  })

  test('show what holds where a change is refused', async ({ page, person, workbench }) => {
    await beginsALongTraining(person, workbench)
    await expect(trainingTitle(person, /[1-9]\d*/)).toBeVisible()
    await person.presses(/^Pause/)
    await person.sees(/^Paused at step \d+ of 180/)
    await person.goesTo('Settings')
    await page.getByText('The machine', { exact: true }).click()
    const threads = page.getByLabel('Threads')
    await expect(threads).toHaveValue('1')
    await threads.fill('2')
    await threads.press('Tab')
    await expect(page.getByRole('region', { name: 'Notices' })).toContainText('half done')
    await expect(threads).toHaveValue('1')
  })
})

test.describe('how responses are drawn', () => {
  test.use({ scene: 'tuned' })

  test('is as it was set last, however soon sampling is started', async ({ page, person, workbench, host }) => {
    test.skip(host !== 'browser', 'no request to hold back')
    await person.goesTo('Tune')
    await person.presses('Continue: sample')
    const letGo = await hold(page, 'run/change')
    await page.getByLabel('Sampling temperature').fill('1.25')
    await page.getByLabel('Top-k').fill('7')
    await person.presses('Run on to the spot-check')
    letGo()
    await expect(person.jobBar.getByRole('button', { name: 'Pause' })).toBeVisible()
    expect((await workbench.ask('run/settings', {})).settings.sampling).toMatchObject({ samplingTemperature: 1.25, topK: 7 })
    await expect(page.getByRole('region', { name: 'Notices' }).getByRole('alert')).toHaveCount(0)
  })
})
