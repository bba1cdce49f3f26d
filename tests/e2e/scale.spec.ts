import type { Page } from '@playwright/test'
import { expect, test } from './workbench.ts'

/** What is promised on a quiet machine; `npm run bench` holds main to it. Here others are at work too, so only much more fails. */
const promised = { open: 1500, frame: 50 } // milliseconds
const SLACK = 4

test.use({ scene: 'large' })

const percentile = (values: readonly number[], p: number): number => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))]!

/** Frame times while `act` goes on, in milliseconds. */
async function framesDuring(page: Page, act: () => Promise<void>): Promise<number[]> {
  await page.evaluate(() => {
    const frames: number[] = []
    let last = performance.now()
    const count = (now: number): void => {
      frames.push(now - last)
      last = now
      running = requestAnimationFrame(count)
    }
    let running = requestAnimationFrame(count)
    Object.assign(window, { endFrames: () => (cancelAnimationFrame(running), frames.slice(1)) })
  })
  await act()
  return page.evaluate(() => (window as unknown as { endFrames: () => number[] }).endFrames())
}

async function scrollAndFilter(page: Page): Promise<void> {
  const grid = page.getByRole('grid')
  await grid.focus()
  for (let i = 0; i < 40; i++) await page.keyboard.press('PageDown')
  await page.keyboard.press('End')
  await expect(grid.getByRole('row').last()).not.toContainText('…')
  await page.keyboard.press('Home')
  await grid.hover()
  for (let i = 0; i < 40; i++) await page.mouse.wheel(0, 900)
  await page.getByRole('checkbox', { name: 'Flipped only' }).check()
  await expect(grid.getByRole('row').nth(1)).not.toContainText('…')
  await page.getByRole('checkbox', { name: 'Flipped only' }).uncheck()
  await page.getByRole('combobox', { name: 'Order' }).selectOption({ label: 'Margin' })
  await expect(grid.getByRole('row').nth(1)).not.toContainText('…')
}

async function measureTable(page: Page, what: string): Promise<void> {
  const p99 = []
  for (let run = 0; run < 3; run++) p99.push(percentile(await framesDuring(page, () => scrollAndFilter(page)), 0.99))
  console.log(`${what}: p99 of frame times ${p99.map((ms) => ms.toFixed(0)).join(', ')} ms (promised ${promised.frame})`)
  expect(Math.min(...p99)).toBeLessThan(SLACK * promised.frame)
}

test('20 000 prompts × 5 responses × 4 judges open, scroll and filter, also while a training runs', { tag: '@alone' }, async ({ page, person, workbench }) => {
  test.setTimeout(600_000)
  const opened: number[] = []
  for (let run = 0; run < 3; run++) {
    await page.getByRole('link', { name: 'Creamery' }).click()
    await workbench.ask('project/close', {})
    const began = performance.now()
    await page.getByRole('button', { name: 'Open Demo' }).click()
    await expect(person.step('Evaluate')).toBeVisible()
    opened.push(performance.now() - began)
  }
  console.log(`opens in ${opened.map((ms) => ms.toFixed(0)).join(', ')} ms (promised ${promised.open})`)
  expect(Math.min(...opened)).toBeLessThan(SLACK * promised.open)

  await person.goesTo('History')
  await measureTable(page, 'history')
  await person.goesTo('Rank')
  await measureTable(page, 'rank')
  await workbench.ask('run/start', { key: 'a-training-beside-it' })
  await expect(person.jobBar).toContainText(/training/, { timeout: 120_000 })
  await person.goesTo('History')
  await measureTable(page, 'history beside a training')
})
