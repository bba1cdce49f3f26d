/** A slow main, for what must not depend on how soon it answers. In a browser only: in Electron nothing passes over the network. */
import type { Page } from '@playwright/test'
import type { RequestName } from '../../preload/contract/requests.ts'

/** Keeps the page's requests of one name from main. @returns lets them go, and what comes after them */
export async function hold(page: Page, name: RequestName): Promise<() => void> {
  let letGo = (): void => {}
  const isLetGo = new Promise<void>((resolve) => (letGo = resolve))
  await page.route(`**/api/${name}`, async (route) => {
    await isLetGo
    await route.continue()
  })
  return letGo
}
