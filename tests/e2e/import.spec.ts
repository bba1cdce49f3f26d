import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeLarge } from '../large.ts'
import { root } from './electron.ts'
import type { Person } from './person.ts'
import { expect, test } from './workbench.ts'

/** With all that is bundled, to the data. */
async function takesTheBundled(person: Person): Promise<void> {
  await person.presses('New project')
  await person.presses('Take the bundled model')
  await expect(person.button('Continue to the data')).toBeEnabled()
  await person.presses('Continue to the data')
}

test('a model is copied for the project; an adapter of another base is refused by a sentence', async ({ page, person, workbench }) => {
  const [model, adapter] = ['models/mine', 'models/other-adapter'].map((path) => join(workbench.home, path)) as [string, string]
  cpSync(join(root, 'native-models/bundled/model'), model, { recursive: true })
  cpSync(join(root, 'tests/golden/llama/gqa-tied/adapter'), adapter, { recursive: true })
  await person.presses('New project')
  await person.picks('models', 'mine')
  await person.sees('mine can be aligned here')
  await expect(person.button('Continue to the data')).toBeEnabled()
  await person.presses('Add a PEFT adapter …')
  await person.picks('models', 'other-adapter')
  await expect(page.getByRole('alert').filter({ hasText: 'choose the adapter\'s own base model' })).toBeVisible()
  await expect(person.button('Continue to the data')).toBeDisabled()
  await person.presses('Without the adapter')
  await page.getByRole('button', { name: /^Copy it into the project/ }).click()
  await person.sees(/mine \(copy\) can be aligned here/i)
  await expect(page.getByText('This copy moves into the project when that is made.')).toBeVisible()
  rmSync(model, { recursive: true })
  await person.presses('Continue to the data')
  for (const kind of ['Prompts', 'Examples (SFT seed)']) await page.getByRole('button', { name: `Take the bundled file for ${kind}` }).click()
  await person.presses('Continue to the plan')
  await page.getByLabel('Name').fill('Mine')
  await person.presses('Make the project')
  await expect(person.step('Model')).toBeVisible()
  await person.goesTo('Model')
  await person.sees(/^M0 is mine:/)
  await expect(page.getByText("mine, in the project's own folder: nothing outside of it is needed")).toBeVisible()
  expect(readdirSync(workbench.projects)).toEqual(['Mine'])
  expect(readdirSync(join(workbench.projects, 'Mine/model'))).toEqual(['mine'])
})

test('a linked model is copied into the open project on a click', async ({ page, person, workbench }) => {
  await workbench.ask('project/create', { name: 'Linked', from: { kind: 'preset', preset: 'ci' } })
  await person.opens('Linked')
  await person.goesTo('Model')
  await expect(page.getByText('linked: it has to stay where it is')).toBeVisible()
  await person.presses('Copy it into the project')
  await expect(page.getByText("in the project's own folder: nothing outside of it is needed")).toBeVisible()
  await expect(person.button('Copy it into the project')).toBeHidden()
  expect(readdirSync(join(workbench.projects, 'Linked/model'))).toEqual(['bundled-model'])
})

test('how far a large file is read is shown, and reading it can be stopped and begun again', async ({ page, person, workbench }) => {
  const path = workbench.write('data/large.jsonl', '')
  writeLarge(path, 600_000)
  workbench.write('data/small.jsonl', '{"prompt": "Why?"}\n{"prompt": "Who?"}\n')
  await takesTheBundled(person)
  const prompts = page.getByRole('region', { name: /^Prompts/ })
  await prompts.getByRole('button', { name: /Choose/ }).first().click()
  await person.picks('data', 'large.jsonl')
  await expect(prompts.getByRole('progressbar')).toBeVisible({ timeout: 20_000 })
  await expect(prompts).toContainText(/MB of \d+ MB read, [\d\u202f]+ rows/)
  await prompts.getByRole('button', { name: 'Stop' }).click()
  await expect(prompts.getByRole('alert')).toContainText('nothing of it is left')
  await expect(person.button('Continue to the plan')).toBeDisabled()
  await prompts.getByRole('button', { name: 'Read it again' }).click()
  await expect(prompts.getByRole('progressbar')).toBeVisible({ timeout: 20_000 })
  await prompts.getByRole('button', { name: /Choose/ }).first().click()
  await person.picks('data', 'small.jsonl')
  await expect(prompts).toContainText('2 usable rows', { timeout: 60_000 })
})

test('the oracle judges by a file: one that holds no rewards is refused by a sentence, pairs become rewards', async ({ page, person, workbench }) => {
  workbench.write('data/no-rewards.jsonl', '{"response_id": "run1", "reward": "good"}\n')
  workbench.write('data/pairs.jsonl', '{"prompt": "Why?", "chosen": "So.", "rejected": "No."}\n{"prompt": "Who?", "chosen": "Me.", "rejected": "You."}\n')
  await takesTheBundled(person)
  await person.presses('Continue to the plan')
  await page.getByLabel('Name').fill('Judged')
  await page.getByLabel('Method').selectOption('oracle')
  const judge = page.getByRole('region', { name: /^Who is right/ })
  await expect(judge).toContainText("A response is worth 1 when its answer is the prompt's known one")
  await expect(person.button('Make the project')).toBeEnabled()
  await judge.getByRole('button', { name: /Choose/ }).click()
  await person.picks('data', 'no-rewards.jsonl')
  await expect(judge.getByRole('alert')).toContainText('no-rewards.jsonl:1 has no finite "reward"')
  await expect(person.button('Make the project')).toBeDisabled()
  await judge.getByRole('button', { name: /Choose/ }).click()
  await person.picks('data', 'pairs.jsonl')
  await expect(judge).toContainText('These are 2 preference pairs')
  await judge.getByRole('button', { name: 'Use these pairs' }).click()
  await expect(judge).toContainText('4 rewards from 0 to 1: 4 by a text, for 2 prompts')
  await expect(judge.getByRole('row')).toHaveCount(5)
  await person.presses('Make the project')
  await person.sees('Tune M0 into M1 on a few good examples')
})
