/**
 * `npm run screenshots`: every screen, light and dark, at the smallest window, into out/screenshots; four of them go to
 * docs/screenshots for the README. The project is a demo whose first round was audited.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Person, Place } from './person.ts'
import { root } from './electron.ts'
import { expect, test } from './workbench.ts'

const out = join(root, 'out/screenshots')
/** Those that the README shows, by its name for them. */
const shown = { 'rank-light': 'rank-light', 'spot-check-light': 'spot-check-pair-light', 'train-dark': 'train-dark', 'evaluate-dark': 'evaluate-dark' } as const

test.use({ scene: 'demo' })

async function shootScreen(person: Person, name: string): Promise<void> {
  await person.settles()
  await person.page.mouse.move(640, 60) // over nothing
  for (const colorScheme of ['light', 'dark'] as const) {
    await person.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await person.page.screenshot({ path: join(out, `${name}-${colorScheme}.png`) })
  }
}

test('every screen, light and dark', async ({ page, person }) => {
  test.setTimeout(300_000)
  const shoot = (name: string): Promise<void> => shootScreen(person, name)
  const placed: readonly [string, Place][] = [['model', 'Model'], ['data', 'Data'], ['tune', 'Tune'], ['history', 'History'], ['export', 'Export'], ['settings', 'Settings']]
  for (const [name, step] of placed) {
    await person.goesTo(step)
    await shoot(name)
  }
  for (const [name, step] of [['sample', 'Sample'], ['rank', 'Rank'], ['spot-check-gate', 'Spot-check'], ['train', 'Train'], ['evaluate', 'Evaluate']] as const) {
    await person.goesTo(step)
    await person.chooses(name === 'spot-check-gate' ? 1 : 2)
    await shoot(name)
  }
  await page.getByRole('link', { name: 'Creamery' }).click()
  await shoot('projects')
  await person.presses('New project')
  await person.presses('Take the bundled model')
  await shoot('new-model')
  await person.presses('Continue to the data')
  await shoot('new-data')
  await person.presses('Continue to the plan')
  await shoot('new-plan')
})

test('the icon of the installers: the page’s own, in the size that every system makes its smaller ones of', async ({ page }) => {
  await page.setViewportSize({ width: 1024, height: 1024 })
  const icon = readFileSync(join(root, 'renderer/public/icon.svg'), 'utf8').replace('<svg ', '<svg width="1024" height="1024" style="display: block" ')
  await page.goto('about:blank')
  await page.setContent(`<body style="margin: 0">${icon}`)
  await page.screenshot({ path: join(root, 'main/hosts/electron/resources/icon.png'), omitBackground: true })
})

test.afterAll(() => {
  const docs = join(root, 'docs/screenshots')
  mkdirSync(docs, { recursive: true })
  for (const [name, screen] of Object.entries(shown)) {
    const source = join(out, `${screen}.png`)
    if (!existsSync(source)) continue // a part of this file was run
    expect(statSync(source).size).toBeLessThan(250_000) // bytes
    cpSync(source, join(docs, `${name}.png`))
  }
})

test.describe('at the gate', () => {
  test.use({ scene: 'demo-gate' })

  test('the spot-check, light and dark', async ({ person }) => {
    await person.goesTo('Spot-check')
    await shootScreen(person, 'spot-check-before')
    await person.startsSpotCheck()
    for (let i = 0; i < 6; i++) await person.judgesByTheAnswer()
    await person.isHeard()
    await shootScreen(person, 'spot-check-pair')
  })
})
