import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './electron.ts'
import { expect, test } from './workbench.ts'

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
  await expect(person.button('Continue to the data')).toBeEnabled()
})
