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

test('a page whose Creamery was started anew says so by itself, and what to do', async ({ page, workbench, host }) => {
  test.skip(host !== 'browser', 'Electron’s pages go with it')
  const other = await page.context().newPage()
  await other.goto(page.url())
  await expect(other.getByRole('button', { name: 'Start the demo' })).toBeVisible()
  await workbench.restart()
  await expect(other.getByRole('heading', { name: 'This page has no session any more' })).toBeVisible()
  await other.waitForTimeout(5000) // longer than it waits between two attempts to connect
  await expect(other.getByRole('heading', { name: 'This page has no session any more' })).toBeVisible()
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
