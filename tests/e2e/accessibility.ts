/** Axe over what is in the page now, by WCAG 2.2 AA; no rule and no element is left out. */
import { type Locator, type Page, expect } from '@playwright/test'
import axe from 'axe-core'

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** @param screen its name in the report */
export async function expectAccessible(page: Page, screen: string): Promise<void> {
  await page.evaluate(axe.source)
  const faults = await page.evaluate(async (values) => {
    const { violations } = await (window as unknown as { axe: typeof axe }).axe.run({ runOnly: { type: 'tag', values: values } })
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary?.replace(/\s+/g, ' ')}`))
  }, tags)
  expect(faults, screen).toEqual([])
}

/** Presses Tab until it has the focus, and sees that it shows. */
export async function tabTo(page: Page, target: Locator, most = 80): Promise<void> {
  const isFocused = (): Promise<boolean> => target.evaluate((element) => element === document.activeElement)
  for (let i = 0; i < most && !(await isFocused()); i++) await page.keyboard.press('Tab')
  await expect(target).toBeFocused()
  const outline = await target.evaluate((element) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element)
    return { style: outlineStyle, width: Number.parseFloat(outlineWidth) }
  })
  expect(outline.style).not.toBe('none')
  expect(outline.width).toBeGreaterThanOrEqual(2)
}
