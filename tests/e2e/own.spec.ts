import { cpSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './electron.ts'
import { type Workbench, expect, test } from './workbench.ts'

const bundled = join(root, 'native-models/bundled')

/** A model's folder in the person's home, with what is wrong with it. */
function layModel({ home }: Workbench, name: string, spoil: (folder: string) => void = () => {}): void {
  const folder = join(home, 'models', name)
  cpSync(join(bundled, 'model'), folder, { recursive: true })
  spoil(folder)
}

const lines = (file: string, count: number): string => readFileSync(join(bundled, 'data', file), 'utf8').split('\n').slice(0, count).join('\n')

test('a folder that is no model is told apart by a sentence that says what to do; a good one goes on', async ({ page, person, workbench }) => {
  layModel(workbench, 'good')
  layModel(workbench, 'truncated', (folder) => truncateSync(join(folder, 'model.safetensors'), 20_000))
  mkdirSync(join(workbench.home, 'models/pickled'))
  cpSync(join(bundled, 'model/config.json'), join(workbench.home, 'models/pickled/config.json'))
  writeFileSync(join(workbench.home, 'models/pickled/pytorch_model.bin'), 'not to be opened')
  workbench.write('models/nothing/notes.txt', 'no model here')

  await person.presses('New project')
  await person.sees('Which model shall be aligned?')
  for (const [name, sentence] of [
    ['nothing', /config\.json/],
    ['truncated', /safetensors/],
    ['pickled', /pickle|\.bin/i],
  ] as const) {
    await person.picks('models', name)
    await person.sees(`${name} cannot be used as it is`)
    await expect(page.getByRole('alert').filter({ hasText: sentence }).or(page.getByText(/^Missing: /)).first()).toBeVisible()
    await expect(person.button('Continue to the data')).toBeDisabled()
    await person.presses('Choose another folder …')
  }
  await person.picks('models', 'good')
  await person.sees(/can be aligned here$/)
  await expect(person.button('Continue to the data')).toBeEnabled()
})

test('lines that cannot be used are counted with their reasons, an empty file and a wrong one are refused by a sentence', async ({ page, person, workbench }) => {
  workbench.write('data/some-bad.jsonl', `${lines('prompts.jsonl', 20)}\n{"prompt": 7}\n{"prompt": "no end\nplain words\n{"text": "no prompt"}\n`)
  workbench.write('data/empty.jsonl', '')
  workbench.write('data/binary.jsonl', '\u0000\u0001\u0002PAR')
  await person.comesToTheData()
  const prompts = page.getByRole('region', { name: /^Prompts/ })

  await prompts.getByRole('button', { name: 'Choose another …' }).click()
  await person.picks('data', 'some-bad.jsonl')
  await expect(prompts).toContainText(/20 usable/)
  await expect(prompts).toContainText(/4 (rows )?(cannot be used|left out)/)
  await prompts.getByText(/4 rows left out/).click()
  await expect(prompts.getByText(/Line 21: /)).toBeVisible()
  await expect(prompts.getByText(/Line 24: /)).toBeVisible()

  for (const file of ['empty.jsonl', 'binary.jsonl']) {
    await prompts.getByRole('button', { name: 'Choose another …' }).click()
    await person.picks('data', file)
    await expect(page.getByRole('heading', { name: new RegExp(`^Prompts: ${file}`) })).toBeVisible()
    await expect(prompts).toContainText(/is empty|is not JSON|no usable|0 usable/)
  }
})

test('a project of the person’s own model and data is planned, made and tuned', async ({ page, person, workbench }) => {
  layModel(workbench, 'good')
  workbench.write('data/prompts.jsonl', lines('prompts.jsonl', 40))
  workbench.write('data/examples.jsonl', lines('sft.jsonl', 64))
  workbench.write('data/held-out.jsonl', lines('tasks.jsonl', 16))
  await person.presses('New project')
  await person.picks('models', 'good')
  await person.sees(/can be aligned here$/)
  await person.presses('Continue to the data')
  await expect(person.button('Continue to the plan')).toBeDisabled()
  for (const [title, file] of [['Prompts', 'prompts.jsonl'], ['Examples', 'examples.jsonl'], ['Held-out questions', 'held-out.jsonl']] as const) {
    const panel = page.getByRole('region', { name: new RegExp(`^${title}`) })
    await panel.getByRole('button', { name: 'Choose a file …' }).click()
    await person.picks('data', file)
    await expect(panel).toContainText(/usable/)
  }
  await person.presses('Continue to the plan')
  await page.getByLabel('Start from').selectOption({ label: "The demo's (tiny models)" })
  await expect(person.button('Make the project')).toBeDisabled()
  await page.getByLabel('Name').fill('My own')
  await person.presses('Make the project')
  await person.sees('Tune M0 into M1 on a few good examples')
  await expect(page.getByRole('banner')).toContainText('My own')
  await expect(person.step('Data')).toContainText('40 prompts')
  await person.presses('Tune M0 into M1')
  await person.waitsFor(/^M1 is tuned/)
})
