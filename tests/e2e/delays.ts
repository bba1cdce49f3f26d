/**
 * CREAMERY_E2E_DELAY=1200 npm run test:e2e: every request of the page waits up to so many milliseconds on its way to main, and
 * every event on its way back up to a quarter of that (mostly far less). Requests then overtake each other, events too late meet
 * newer answers, and whatever hangs on their order breaks here and not at somebody's desk.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { BrowserContext } from '@playwright/test'

const most = Number(process.env['CREAMERY_E2E_DELAY'] ?? 0)

/** Short ones are the most frequent. */
const some = (milliseconds: number): Promise<void> => wait(Math.random() ** 3 * milliseconds)

export async function delayAll(context: BrowserContext): Promise<void> {
  if (!(most > 0)) return
  await context.route('**/api/**', async (route) => {
    await some(most)
    await route.continue().catch(() => {}) // its page may be gone
  })
  await context.routeWebSocket(/./, (socket) => {
    let sent = Promise.resolve()
    socket.connectToServer().onMessage((message) => {
      sent = sent.then(() => some(most / 4)).then(() => socket.send(message)) // events keep their order, as main's socket does
    })
  })
}
