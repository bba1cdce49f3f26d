import { existsSync, readdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { expectAccessible } from './accessibility.ts'
import { expect, test } from './workbench.ts'

test.use({ scene: 'gate' })

test('a model leaves as GGUF with its proof, its card is read before, and a place that holds something is refused', async ({ page, person, workbench }) => {
  await person.goesTo('Export')
  await expect(page.getByRole('combobox', { name: 'Which' })).toHaveValue('M1') // the best, and the only one
  await page.getByRole('radio', { name: /^GGUF/ }).check()
  await page.getByRole('radio', { name: /^Q8_0/ }).check()
  await expect(page.getByRole('radio', { name: /^Preference data/ })).toBeDisabled()
  await expect(page.getByText('M1 was not trained on pairs').first()).toBeVisible()

  // What was chosen survives a reload; the card tells where the model comes from.
  await person.reloads()
  await expect(page.getByRole('radio', { name: /^Q8_0/ })).toBeChecked()
  await person.presses('Preview')
  await expect(page.getByRole('region', { name: 'Model card' }).getByText('Not audited: no pair was trained on.')).toBeVisible()
  await expectAccessible(page, 'Export')

  // It goes where the person says, under the name they give.
  await person.presses('Choose another …')
  await person.picks('projects')
  await page.getByRole('textbox', { name: 'Name' }).fill('for llama')
  await person.presses('Export M1 as GGUF')
  await expect(person.title).toHaveText('for llama is written and proven', { timeout: 60_000 })
  const folder = join(workbench.projects, 'for llama')
  expect(readdirSync(folder).map((name) => name.replace(/^.*\.gguf$/, 'a.gguf')).toSorted()).toEqual(['Modelfile', 'README.md', 'a.gguf'])
  expect(existsSync(`${folder}.partial`)).toBe(false)
  await expect(page.getByText(/tensors are the source's, rounded to their types/)).toBeVisible()
  await expect(page.getByRole('row', { name: /for llama/ }).getByText('proven')).toBeVisible()
  await expectAccessible(page, 'Export, with one made')

  // The same place again: an export never writes over files.
  await person.presses('Choose another …')
  await person.picks('projects')
  await page.getByRole('textbox', { name: 'Name' }).fill('for llama')
  await person.presses('Export M1 as GGUF')
  await expect(page.getByText(/is not empty; an export never writes over files/).first()).toBeVisible()
  await person.reloads()
  await expect(page.getByText(/tensors are the source's, rounded to their types/)).toBeVisible()
})

test('an export that breaks while another page is shown is told there, and stands on its own page until the next', async ({ page, person, workbench }) => {
  await person.goesTo('Export')
  await page.getByRole('radio', { name: /^GGUF/ }).check()
  await page.getByRole('radio', { name: /^F32/ }).check()
  truncateSync(join(workbench.projects, 'Demo/adapters/run1.M1/adapter_model.safetensors'), 1000)
  await person.presses('Export M1 as GGUF')
  await person.step('History').click()
  await expect(page.getByRole('region', { name: 'Notices' })).toContainText('adapter_model.safetensors')
  await person.goesTo('Export')
  await person.reloads()
  await expect(page.getByRole('main').getByRole('alert').filter({ hasText: 'adapter_model.safetensors' })).toHaveCount(2) // the export's end, and the formats of what is damaged
  await expect(page.getByRole('region', { name: 'Notices' })).toBeEmpty()
})
