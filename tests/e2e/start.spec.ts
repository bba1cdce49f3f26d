import { expect, test } from './workbench.ts'

test('the workbench opens, knows what it runs on, and survives a reload and a restart', async ({ workbench, page, host }) => {
  await expect(page).toHaveTitle(/Creamery/)
  await expect(page.getByRole('main')).toBeVisible()
  expect(await workbench.ask('app/info', {})).toMatchObject({ host })
  expect(new URL(page.url()).search).toBe('') // the link's token is gone from the address
  await page.reload()
  await expect(page.getByRole('main')).toBeVisible()
  await workbench.restart()
  await expect(page.getByRole('main')).toBeVisible()
  expect(await workbench.ask('project/list', {})).toEqual([])
})

test.describe('a spec fails where its page', () => {
  test.fail() // each of these: the fixture sees it when the test is over
  test('breaks its policy', ({ page }) => page.evaluate(() => {
    const script = document.createElement('script')
    script.textContent = '0'
    document.head.append(script)
  }))
  test('throws', ({ page }) => page.evaluate(() => void setTimeout(() => { throw new Error('thrown by a spec') })))
  test('complains', ({ page }) => page.evaluate(() => console.error('complained')))
})
