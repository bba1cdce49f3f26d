/** What a person does at the workbench, in their words: by names and roles, as they are read or heard, and by keys. */
import { type Locator, type Page, type Request, expect } from '@playwright/test'
import type { IterationView } from '../../preload/contract/requests/run.ts'
import { better } from './scenes.ts'
import type { Workbench } from './workbench.ts'

export type Step = 'Model' | 'Data' | 'Tune' | 'Sample' | 'Rank' | 'Spot-check' | 'Train' | 'Evaluate'
export type Place = Step | 'History' | 'Export' | 'Settings'

/** For what a machine at work takes. */
const AT_WORK = { timeout: 120_000 }

export class Person {
  readonly #workbench: Workbench
  readonly #underWay = new Set<Request>()

  constructor(workbench: Workbench) {
    this.#workbench = workbench
    const { page } = workbench
    page.on('request', (request) => this.#underWay.add(request))
    page.on('requestfinished', (request) => this.#underWay.delete(request))
    page.on('requestfailed', (request) => this.#underWay.delete(request))
  }

  get page(): Page {
    return this.#workbench.page
  }

  /** The step's title, which states what was found. */
  get title(): Locator {
    return this.page.getByRole('heading', { level: 1 })
  }

  get jobBar(): Locator {
    return this.page.getByRole('contentinfo', { name: 'The running job' })
  }

  get rail(): Locator {
    return this.page.getByRole('navigation', { name: 'Steps' })
  }

  /** A button of the step, not of the bar below it. */
  button(name: string | RegExp): Locator {
    return this.page.getByRole('main').getByRole('button', { name })
  }

  async opens(project: string): Promise<void> {
    await this.page.getByRole('button', { name: `Open ${project}` }).click()
    await expect(this.rail).toBeVisible()
  }

  step(name: Place): Locator {
    return this.rail.getByRole('link', { name: new RegExp(`^${name}\\b`) })
  }

  async goesTo(name: Place): Promise<void> {
    await this.step(name).click()
    await expect(this.page).toHaveTitle(`${name} · Creamery`)
  }

  /** An iteration or branch in the rail's list: by its number, or "1: M1 → M2·b". */
  async chooses(which: number | string): Promise<void> {
    const list = this.page.getByRole('combobox', { name: 'Iteration shown' })
    const name = typeof which === 'string' ? which : (await list.getByRole('option').allInnerTexts()).find((option) => option.startsWith(`${which}: `))!
    await list.selectOption(name)
  }

  /** From the projects to a new one's data: the model is the bundled one. */
  async comesToTheData(): Promise<void> {
    await this.presses('New project')
    await this.presses('Take the bundled model')
    await expect(this.button('Continue to the data')).toBeEnabled()
    await this.presses('Continue to the data')
  }

  /** In the open file picker: from home through folders to what is taken. A picker is opened first, where none is. */
  async picks(...path: string[]): Promise<void> {
    const picker = this.page.getByRole('group').filter({ has: this.page.getByRole('button', { name: /^creamery-e2e-/ }).or(this.page.getByRole('navigation', { name: 'Folder' })) })
    await picker.getByRole('button', { name: /^creamery-e2e-/ }).click()
    for (const folder of path.slice(0, -1)) await picker.getByRole('listitem').getByRole('button', { name: folder, exact: true }).click()
    const last = path.at(-1)!
    const take = picker.getByRole('button', { name: `Take ${last}` })
    const file = picker.getByRole('listitem').getByRole('button', { name: new RegExp(`^${last}`) })
    await take.or(file).last().click()
  }

  /** Waits until nothing more is asked for: what is on the page is all there is to see. */
  async settles(): Promise<void> {
    let quiet = 0
    await expect.poll(() => (quiet = this.#underWay.size === 0 ? quiet + 1 : 0), { intervals: [100] }).toBeGreaterThanOrEqual(3)
  }

  async presses(name: string | RegExp): Promise<void> {
    await this.button(name).click()
  }

  async reloads(): Promise<void> {
    await this.page.reload()
    await expect(this.title).not.toBeEmpty()
  }

  async sees(title: string | RegExp): Promise<void> {
    await expect(this.title).toHaveText(title)
  }

  /** The same where the machine has to work for it first. */
  async waitsFor(title: string | RegExp): Promise<void> {
    await expect(this.title).toHaveText(title, AT_WORK)
  }

  async waitsUntilIdle(): Promise<void> {
    await expect(this.jobBar.getByRole('button', { name: 'Pause' })).toBeHidden(AT_WORK)
  }

  /** Of the active path, by its number. */
  async iteration(t: number): Promise<IterationView> {
    const { iterations } = await this.#workbench.ask('run/status', {})
    return iterations.find((one) => one.t === t)!
  }

  // At the spot-check.

  get item(): Locator {
    return this.page.getByRole('group', { name: /^(Pair|Prompt) \d+ of \d+$/ })
  }

  async startsSpotCheck({ pairs, line, annotator = 'Ana' }: { pairs?: number; line?: number; annotator?: string } = {}): Promise<void> {
    await this.page.getByLabel('Annotator').fill(annotator)
    if (pairs !== undefined) await this.page.getByRole('spinbutton', { name: /^(Pairs|Prompts)$/ }).fill(String(pairs))
    if (line !== undefined) await this.page.getByLabel('Gate line, %').fill(String(line))
    await this.button(/^Start: /).click()
    await expect(this.item).toBeVisible()
  }

  /** Where the spot-check stands: [3, 55] at "Pair 3 of 55", hidden repeats among them. */
  async count(): Promise<[at: number, of: number]> {
    const [, at, of] = /(\d+) of (\d+)$/.exec((await this.item.getAttribute('aria-label')) ?? '') ?? []
    return [Number(at), Number(of)]
  }

  /** What is shown, as it is read. */
  async reads(): Promise<{ prompt: string; left: string; right: string }> {
    const text = async (region: string): Promise<string> => (await this.item.getByRole('region', { name: region, exact: true }).innerText()).trim()
    return { prompt: await text('Prompt'), left: await text('Response A'), right: await text('Response B') }
  }

  /** Waits for the pair's keys to be heard, then answers it. */
  async judges(key: '1' | '2' | '0' | 's' | 'f'): Promise<void> {
    const label = await this.item.getAttribute('aria-label')
    await this.isHeard()
    await this.page.keyboard.press(key)
    await expect(this.page.getByRole('group', { name: label!, exact: true })).toBeHidden()
  }

  async isHeard(): Promise<void> {
    await expect(this.page.getByRole('list', { name: 'Answers and their keys' }).getByRole('button').first()).toBeEnabled()
  }

  /** By the answer the person knows. */
  async judgesByTheAnswer({ wrongly = false } = {}): Promise<void> {
    const said = better(await this.reads())
    await this.judges(said === 'tie' ? '0' : (said === 'left') !== wrongly ? '1' : '2')
  }

  /** @param how 'wrongly' = against the answers */
  async judgesAll(how: { wrongly?: boolean } = {}): Promise<void> {
    const [at, of] = await this.count()
    for (let i = at; i <= of; i++) await this.judgesByTheAnswer(how)
    await expect(this.title).toHaveText(/^Everything is judged/)
  }

  async closesSpotCheck(): Promise<void> {
    await expect(this.page.getByRole('group', { name: 'End of the spot-check' })).toBeFocused()
    await this.page.keyboard.press('c')
    await expect(this.page.getByRole('heading', { level: 2, name: /^Gate: / })).toBeVisible()
  }
}
