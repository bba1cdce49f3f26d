import type { Page } from '@playwright/test'
import { expectAccessible, tabTo } from './accessibility.ts'
import { outlines } from './outlines.ts'
import type { Place } from './person.ts'
import { beginsALongTraining } from './training.ts'
import { expect, test } from './workbench.ts'

const themes = ['light', 'dark'] as const
const steps: readonly Place[] = ['Model', 'Data', 'Tune', 'Sample', 'Rank', 'Spot-check', 'Train', 'Evaluate', 'History', 'Export', 'Settings']

/** Pages beside the steps. */
const beside: ReadonlySet<Place> = new Set<Place>(['History', 'Export', 'Settings'])

/** Both themes, one after the other, of what is in the page. */
async function inBothThemes(page: Page, screen: string): Promise<void> {
  for (const colorScheme of themes) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await expectAccessible(page, `${screen}, ${colorScheme}`)
  }
}

test.describe('of a finished project', () => {
  test.use({ scene: 'finished' })

  for (const step of steps) {
    test(`${step}: axe finds nothing, and the keyboard reaches what is primary`, async ({ page, person }) => {
      await person.goesTo(step)
      if (step === 'Spot-check') await person.chooses(1) // the audited one
      await person.settles()
      if (step !== 'Export') await expect(page.getByRole('main')).toMatchAriaSnapshot(outlines[step])
      await inBothThemes(page, step)
      const primary = page.getByRole('main').locator('button.primary').first()
      if (beside.has(step) && (await primary.count()) === 0) return // nothing has to be done there
      await expect(primary).toBeVisible()
      await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
      await tabTo(page, primary)
    })
  }

  test('going back, a table behind a chart, the projects and the steps of a new one', async ({ page, person }) => {
    await person.goesTo('Rank')
    await person.presses('Do this step again …')
    await person.settles()
    await inBothThemes(page, 'going back')
    await page.getByRole('button', { name: /^Table of: / }).first().click()
    await inBothThemes(page, 'table behind a chart')
    await page.getByRole('link', { name: 'Creamery' }).click()
    await page.getByRole('button', { name: 'More about Demo' }).click()
    await page.getByRole('button', { name: 'Delete …' }).click()
    await inBothThemes(page, 'projects')
    await person.presses('New project')
    await inBothThemes(page, 'new project: model, nothing chosen')
    await person.presses('Take the bundled model')
    await expect(person.button('Continue to the data')).toBeEnabled()
    await inBothThemes(page, 'new project: model')
    await person.presses('Continue to the data')
    await expect(person.button('Continue to the plan')).toBeEnabled()
    await person.settles()
    await inBothThemes(page, 'new project: data')
    await person.presses('Continue to the plan')
    await expect(page.getByLabel('Name')).toBeVisible()
    await inBothThemes(page, 'new project: plan')
  })

  test('at twice the size nothing is lost', async ({ page, person }) => {
    await page.setViewportSize({ width: 640, height: 400 })
    for (const step of steps) {
      await person.goesTo(step)
      await person.settles()
      expect(await page.getByRole('main').evaluate((main) => main.scrollWidth - main.clientWidth), `${step} scrolls sideways by`).toBeLessThanOrEqual(0)
      await expectAccessible(page, `${step} at 640 px`)
    }
  })
})

test.describe('of a spot-check', () => {
  test.use({ scene: 'gate' })

  test('before it, at a pair, with a note, at its end, and at the gate', async ({ page, person }) => {
    await person.goesTo('Spot-check')
    await person.settles()
    await inBothThemes(page, 'before the spot-check')
    await person.startsSpotCheck({ pairs: 2 })
    await person.isHeard()
    await inBothThemes(page, 'a pair')
    await page.keyboard.press('n')
    await inBothThemes(page, 'a note')
    await page.keyboard.press('Escape')
    await page.keyboard.press('d')
    await inBothThemes(page, 'word diff')
    await person.judgesAll()
    await inBothThemes(page, 'the end')
    await person.closesSpotCheck()
    for (const way of [/^Keep only pairs/, /^Sample new/, /^Train anyway/]) {
      await page.getByRole('radio', { name: way }).check()
      await person.settles()
      await inBothThemes(page, `gate: ${way.source}`)
    }
  })

  test('putting responses in order', async ({ page, person }) => {
    await person.goesTo('Spot-check')
    await page.getByRole('radio', { name: 'Rankings: put all in order' }).check()
    await person.startsSpotCheck({ pairs: 1 })
    await person.isHeard()
    await inBothThemes(page, 'a ranking')
  })

  test('a job at work and paused, its milestones spoken', async ({ page, person, workbench }) => {
    const spoken = page.getByRole('status').last()
    await beginsALongTraining(person, workbench)
    await expectAccessible(page, 'a training at work')
    await person.presses(/^Pause/)
    await person.sees(/^Paused at step \d+/)
    await expectAccessible(page, 'a training that is paused')
    await person.presses('Resume the training')
    await person.waitsFor(/^M2 is trained/)
    await expect(spoken).toHaveText('Done; the next step waits for you.')
  })
})
