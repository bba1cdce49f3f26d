/** While a project is planned: copies go on without their page, and what answers late does not take the place of what was chosen since. */
import { cpSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { root } from './electron.ts'
import { hold } from './hold.ts'
import type { Person } from './person.ts'
import { type Workbench, expect, test } from './workbench.ts'

/** The bundled model in the person's home. @returns its folder */
function layModel({ home }: Workbench, name: string): string {
  const folder = join(home, 'models', name)
  cpSync(join(root, 'native-models/bundled/model'), folder, { recursive: true })
  return folder
}

/** The same with a note that takes minutes to copy. @returns cuts the note short, so that a copy ends soon */
function layLargeModel(workbench: Workbench, name: string): () => void {
  const note = join(layModel(workbench, name), 'README.md')
  writeFileSync(note, '')
  truncateSync(note, 8e9) // of nothing: it takes no room until it is copied
  return () => truncateSync(note)
}

const copying = (page: Page) => page.getByRole('status').filter({ hasText: 'Copying mine' })

async function comesToThePlan(page: Page, person: Person): Promise<void> {
  await person.presses('Continue to the data')
  for (const kind of ['Prompts', 'Examples (SFT seed)']) await page.getByRole('button', { name: `Take the bundled file for ${kind}` }).click()
  await person.presses('Continue to the plan')
}

test('a copy into the open project is seen and stopped after another step and a reload', async ({ page, person, workbench }) => {
  layLargeModel(workbench, 'mine')
  await person.presses('New project')
  await person.picks('models', 'mine')
  await comesToThePlan(page, person)
  await page.getByLabel('Name').fill('Mine')
  await person.presses('Make the project')
  await person.goesTo('Model')
  await person.presses('Copy it into the project')
  await expect(copying(page)).toBeVisible()
  await person.goesTo('Data')
  await person.goesTo('Model')
  await expect(copying(page)).toBeVisible()
  await person.reloads()
  await expect(copying(page)).toBeVisible()
  await expect(person.button('Copy it into the project')).toBeHidden()
  await copying(page).getByRole('button', { name: 'Stop' }).click()
  await expect(person.button('Copy it into the project')).toBeEnabled()
  await expect(copying(page)).toBeHidden()
})

test('a copy for a planned project takes the model’s place after a reload, also of another step; until then no project is made', async ({ page, person, workbench }) => {
  const end = layLargeModel(workbench, 'mine')
  await person.presses('New project')
  await person.picks('models', 'mine')
  await person.presses(/^Copy it into the project/)
  await expect(copying(page)).toBeVisible()
  await person.reloads()
  await expect(copying(page)).toBeVisible()
  await comesToThePlan(page, person)
  await page.getByLabel('Name').fill('Mine')
  await person.reloads()
  await expect(page.getByRole('region', { name: 'The project can be made once its model is copied' })).toContainText('Copying mine')
  await expect(person.button('Make the project')).toBeDisabled()
  end()
  await person.sees(/on mine \(copy\)$/)
  await person.presses('Make the project')
  await person.goesTo('Model')
  await expect(page.getByText("mine, in the project's own folder")).toBeVisible()
})

test('a model that was chosen while another was copied stays the chosen one', async ({ page, person, workbench }) => {
  const end = layLargeModel(workbench, 'mine')
  layModel(workbench, 'other')
  await person.presses('New project')
  await person.picks('models', 'mine')
  await person.presses(/^Copy it into the project/)
  await expect(copying(page)).toBeVisible()
  await person.presses('Choose another folder …')
  await person.picks('models', 'other')
  await person.sees('other can be aligned here')
  await expect(copying(page)).toBeVisible()
  end()
  await expect(person.button(/^Copy it into the project/)).toBeVisible()
  await person.settles()
  await person.sees('other can be aligned here')
})

test('an adapter that is not merged yet is kept over a reload, and no project is made past it', async ({ page, person, workbench }) => {
  layModel(workbench, 'mine')
  cpSync(join(root, 'tests/golden/llama/gqa-tied/adapter'), join(workbench.home, 'models/notes'), { recursive: true })
  await person.presses('New project')
  await person.picks('models', 'mine')
  await comesToThePlan(page, person)
  await page.getByLabel('Name').fill('Mine')
  await expect(person.button('Make the project')).toBeEnabled()
  for (let i = 0; i < 2; i++) await page.goBack()
  await person.presses('Add a PEFT adapter …')
  await person.picks('models', 'notes')
  await person.sees('mine with notes on top')
  await person.reloads()
  await person.sees('mine with notes on top')
  for (let i = 0; i < 2; i++) await page.goForward()
  await expect(page.getByText('notes lies on top of the model and is not merged with it')).toBeVisible()
  await expect(person.button('Make the project')).toBeDisabled()
  await page.getByRole('link', { name: 'merge both, or go on without the adapter' }).click()
  await person.presses('Without the adapter')
  await expect(person.button('Continue to the data')).toBeEnabled()
})

test('a folder that is gone when it is taken is not taken for the one before it', async ({ page, person, workbench }) => {
  layModel(workbench, 'good')
  const gone = layModel(workbench, 'gone')
  await person.presses('New project')
  await person.picks('models', 'good')
  await person.sees('good can be aligned here')
  await person.presses('Choose another folder …')
  const picker = page.getByRole('group', { name: /^A model's folder/ })
  await picker.getByRole('button', { name: /^creamery-e2e-/ }).click()
  await picker.getByRole('button', { name: 'models', exact: true }).click()
  await expect(picker.getByRole('button', { name: 'Take gone' })).toBeVisible()
  rmSync(gone, { recursive: true })
  await picker.getByRole('button', { name: 'Take gone' }).click()
  await person.sees('gone cannot be used as it is')
  await expect(person.button('Continue to the data')).toBeDisabled()
})

test.describe('an answer that comes late', () => {
  test.skip(({ host }) => host !== 'browser', 'no request to hold back')

  test('of a file that is being sent: the picker that is left takes it along, without a word', async ({ page, person, workbench }) => {
    workbench.expectProblem(/ERR_ABORTED|ERR_FAILED/)
    await person.comesToTheData()
    const prompts = page.getByRole('region', { name: /^Prompts/ })
    await prompts.getByRole('button', { name: 'Choose another …' }).click()
    await page.route('**/upload/*', () => {}) // it never arrives
    const isAborted = page.waitForEvent('requestfailed', { predicate: (request) => request.url().includes('/upload/'), timeout: 20_000 })
    await prompts.locator('input[type=file]').setInputFiles({ name: 'late.jsonl', mimeType: 'application/json', buffer: Buffer.from('{"prompt": "Why?"}\n') })
    await expect(prompts.getByRole('progressbar', { name: 'Sending late.jsonl' })).toBeVisible()
    await prompts.getByRole('button', { name: 'Cancel' }).click()
    await isAborted
    await person.settles()
    await expect(page.getByRole('heading', { name: 'Prompts: bundled prompts' })).toBeVisible()
    await expect(page.getByRole('region', { name: 'Notices' })).toBeEmpty()
  })

  test('with the rewards of pairs that are not chosen any more', async ({ page, person, workbench }) => {
    for (const name of ['one', 'two']) workbench.write(`data/${name}.jsonl`, '{"prompt": "Why?", "chosen": "So.", "rejected": "No."}\n')
    await person.comesToTheData()
    await person.presses('Continue to the plan')
    await page.getByLabel('Method').selectOption('oracle')
    const judge = page.getByRole('region', { name: /^Who is right/ })
    const chooses = async (file: string): Promise<void> => {
      await judge.getByRole('button', { name: /^Choose/ }).click()
      await person.picks('data', file)
      await expect(page.getByRole('heading', { name: `Who is right: ${file}` })).toBeVisible()
    }
    await chooses('one.jsonl')
    const letGo = await hold(page, 'data/import')
    await judge.getByRole('button', { name: 'Use these pairs' }).click()
    await chooses('two.jsonl')
    letGo()
    await person.settles()
    await expect(page.getByRole('heading', { name: 'Who is right: two.jsonl' })).toBeVisible()
    await judge.getByRole('button', { name: 'Use these pairs' }).click()
    await expect(page.getByRole('heading', { name: 'Who is right: the pairs of two.jsonl' })).toBeVisible()
  })
})

test('once a run is measured, the rail says so by itself', async ({ person, workbench }) => {
  await workbench.ask('project/create', { name: 'New', from: { kind: 'preset', preset: 'ci' } })
  await person.opens('New')
  await person.goesTo('Model')
  await expect(person.rail).toContainText('stages are not measured yet')
  await person.presses(/^Measure/)
  await expect(person.rail).toContainText(/About .+ of work left\./, { timeout: 60_000 })
  await expect(person.rail.getByRole('link', { name: 'Measure' })).toBeHidden()
})
