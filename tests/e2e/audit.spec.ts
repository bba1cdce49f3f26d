import { hold } from './hold.ts'
import { expect, test } from './workbench.ts'

test.use({ scene: 'gate' })

test('fifty pairs are audited without the mouse: nothing is told meanwhile, a note is typed, answers are taken back, and the gate passes', async ({ page, person, workbench }) => {
  const sent: { pair: Record<string, unknown> | null; keys: string[] }[] = []
  page.on('response', async (response) => {
    if (!response.url().endsWith('/api/audit/next')) return
    const { value } = (await response.json()) as { value: { pair: Record<string, unknown> | null } }
    sent.push({ pair: value.pair, keys: Object.keys(value) })
  })
  await person.goesTo('Spot-check')
  await page.keyboard.press('Tab')
  await person.startsSpotCheck({ pairs: 50, line: 5 })
  expect(await person.count()).toEqual([1, 55]) // a tenth comes again, unseen

  for (let i = 0; i < 10; i++) await person.judgesByTheAnswer()

  // A key held down answers once.
  await person.isHeard()
  const before = await person.item.getAttribute('aria-label')
  await page.keyboard.down('s')
  for (let i = 0; i < 5; i++) await page.keyboard.down('s')
  await page.keyboard.up('s')
  await expect(person.item).not.toHaveAttribute('aria-label', before!)
  await person.isHeard()
  expect(await person.item.getAttribute('aria-label')).toBe('Pair 12 of 55')

  // Letters of a note judge nothing.
  const noted = await person.reads()
  await page.keyboard.press('n')
  const note = page.getByRole('textbox', { name: 'Note' })
  await expect(note).toBeFocused()
  await page.keyboard.type('1 2 0 sums are off, difference is 2; undo')
  await page.keyboard.press('Escape')
  await expect(page.getByText('Note: 1 2 0 sums are off, difference is 2; undo')).toBeVisible()
  expect(await person.reads()).toEqual(noted)
  expect(await person.item.getAttribute('aria-label')).toBe('Pair 12 of 55')

  // An answer is taken back: the same pair comes again with its note, and may be answered otherwise.
  await person.judges('1')
  await person.isHeard()
  await page.keyboard.press('u')
  await expect(person.item).toHaveAttribute('aria-label', 'Pair 12 of 55')
  expect(await person.reads()).toEqual(noted)
  await expect(page.getByText('Note: 1 2 0 sums are off, difference is 2; undo')).toBeVisible()
  await person.judges('f')

  // The word diff is a way of looking, not an answer.
  await person.isHeard()
  await page.keyboard.press('d')
  await expect(page.getByRole('button', { name: /^Word diff/ })).toHaveAttribute('aria-pressed', 'true')
  await expect(person.item).toHaveAttribute('aria-label', 'Pair 13 of 55')
  await page.keyboard.press('d')

  await person.judgesAll()

  // Nothing but the pair was sent: no reward, no C, no id, no side that the judge prefers.
  const { iterationId } = await person.iteration(1)
  for (const { pair, keys } of sent) {
    expect(keys.sort()).toEqual(['note', 'pair', 'progress', 'ranking'])
    if (pair) expect(Object.keys(pair).sort()).toEqual(['left', 'pair', 'prompt', 'right'])
    expect(JSON.stringify(pair)).not.toContain(iterationId.split('.')[0]!)
  }
  expect(sent.length).toBeGreaterThanOrEqual(55)

  await person.closesSpotCheck()
  await person.sees(/agree/i)
  await expect(page.getByRole('heading', { name: 'Gate: Passed at 5 %' })).toBeVisible()
  await expect(page.getByText('difference is 2; undo')).toBeHidden() // it was a flag; disagreements are listed first
  const [session] = await workbench.ask('audit/sessions', { iterationId })
  const { outcomes, selfAgreement } = await workbench.ask('audit/report', { session: session!.session })
  expect(Object.values(outcomes).reduce((sum, count) => sum + count, 0)).toBe(50)
  expect(outcomes).toMatchObject({ skip: 1, flag: 1 })
  expect(selfAgreement).not.toBeNull()

  await person.presses('Train M2')
  await person.waitsFor(/^M2 is trained/)
  await expect(page.getByText('By a person')).toBeVisible()
})

test('a key on another place answers as it says, and only there', async ({ page, person }) => {
  await person.goesTo('Spot-check')
  await page.getByText('Keys', { exact: true }).click()
  await page.getByRole('button', { name: /^Key of A is better/ }).click()
  await page.keyboard.press('s')
  await expect(page.getByText(/S is the key of "Skip" already/)).toBeVisible()
  await page.keyboard.press('j')
  await expect(page.getByRole('button', { name: /^Key of A is better: J/ })).toBeVisible()
  await person.startsSpotCheck({ pairs: 5 })
  await person.isHeard()
  await page.keyboard.press('1')
  await expect(person.item).toHaveAttribute('aria-label', 'Pair 1 of 5')
  await page.keyboard.press('j')
  await expect(person.item).toHaveAttribute('aria-label', 'Pair 2 of 5')
})

test('all responses are put in order by keys, and the close says which judge orders as people do', async ({ page, person, workbench }) => {
  await person.goesTo('Spot-check')
  await page.getByRole('radio', { name: 'Rankings: put all in order' }).check()
  await person.startsSpotCheck({ pairs: 4 })
  const list = page.getByRole('list', { name: 'Responses, best first' })
  const last = await list.getByRole('listitem').last().getByRole('paragraph').innerText()

  // The last is put first, and made equal with none.
  await person.isHeard()
  const count = await list.getByRole('listitem').count()
  for (let i = 1; i < count; i++) await page.keyboard.press('ArrowDown')
  await page.keyboard.press('1')
  await expect(list.getByRole('listitem').first().getByRole('paragraph')).toHaveText(last)
  await page.reload() // in the middle of an order
  await expect(list.getByRole('listitem').first().getByRole('paragraph')).toHaveText(last)
  await person.isHeard()
  await page.keyboard.press('Enter')
  await expect(person.item).toHaveAttribute('aria-label', 'Prompt 2 of 4')

  // Taken back, the order comes back as it was confirmed.
  await person.isHeard()
  await page.keyboard.press('u')
  await expect(person.item).toHaveAttribute('aria-label', 'Prompt 1 of 4')
  await expect(list.getByRole('listitem').first().getByRole('paragraph')).toHaveText(last)

  for (let i = 1; i <= 4; i++) {
    await expect(person.item).toHaveAttribute('aria-label', `Prompt ${i} of 4`)
    await person.isHeard()
    await page.keyboard.press('Enter')
  }
  await expect(page.getByRole('group', { name: 'End of the spot-check' })).toBeFocused()
  await page.keyboard.press('c')
  await expect(page.getByRole('button', { name: /Spot-check pairs/ })).toBeVisible()
  const { iterationId } = await person.iteration(1)
  const [session] = await workbench.ask('audit/sessions', { iterationId })
  expect(await workbench.ask('audit/trust', { session: session!.session })).toMatchObject({ planned: 4, ordered: 4, skipped: 0 })
})

test('while it is open, pages that show what the judge says warn of it and lead back', async ({ page, person }) => {
  const notice = page.getByRole('main').getByText("looking here tells you the judge's choice")
  await person.goesTo('Rank')
  await person.settles()
  await expect(notice).toHaveCount(0)
  await person.goesTo('Spot-check')
  await person.startsSpotCheck({ pairs: 5 })
  for (const place of ['Rank', 'History'] as const) {
    await person.goesTo(place)
    await expect(notice).toBeVisible()
    await page.getByRole('link', { name: 'Go on with the spot-check' }).click()
    await expect(person.item).toBeVisible()
  }
})

test('a note that is erased before the answer is gone, though it was kept before', async ({ page, person }) => {
  await person.goesTo('Spot-check')
  await person.startsSpotCheck({ pairs: 5 })
  await person.isHeard()
  await page.keyboard.press('n')
  await page.keyboard.type('B is rude')
  await page.keyboard.press('Escape')
  await expect(page.getByText('Note: B is rude')).toBeVisible()
  await person.settles() // main holds it
  await page.keyboard.press('n')
  await page.getByRole('textbox', { name: 'Note' }).fill(' ')
  await page.getByRole('button', { name: /^A is better/ }).click() // the note is still open
  await expect(person.item).toHaveAttribute('aria-label', 'Pair 2 of 5')
  await person.isHeard()
  await page.keyboard.press('u')
  await expect(person.item).toHaveAttribute('aria-label', 'Pair 1 of 5')
  await expect(page.getByText('B is rude')).toHaveCount(0)
})

test.describe('with a slow main', () => {
  test.skip(({ host }) => host !== 'browser', 'no request to hold back')

  test('a spot-check is started once: the button rests until the first pair is shown', async ({ page, person }) => {
    await person.goesTo('Spot-check')
    await page.getByLabel('Annotator').fill('Ana')
    await page.getByRole('spinbutton', { name: 'Pairs' }).fill('5')
    await expect(page).toHaveURL(/pairs=5/)
    const letGo = await hold(page, 'audit/sessions')
    await person.presses(/^Start: /)
    await expect(page).not.toHaveURL(/pairs=5/) // it is started
    await expect(person.button(/^Start: /)).toBeDisabled()
    await expect(person.button('Skip the spot-check')).toBeDisabled()
    letGo()
    await expect(person.item).toBeVisible()
  })

  test('the close waits for the answer before it, and nothing is offered until what it found is known', async ({ page, person, workbench }) => {
    await person.goesTo('Spot-check')
    await person.startsSpotCheck({ pairs: 5 })
    await person.presses('Stop here …')
    const letAnswerGo = await hold(page, 'audit/judge')
    await person.isHeard()
    await page.keyboard.press('1')
    await expect(person.button('Close now')).toBeDisabled()
    letAnswerGo()
    await expect(person.item).toHaveAttribute('aria-label', 'Pair 2 of 5')
    const letGateGo = await hold(page, 'audit/gate')
    await person.presses('Close now')
    await expect(page.getByText('Loading …')).toBeVisible()
    await expect(person.button(/Continue to Train|^Train/)).toHaveCount(0)
    letGateGo()
    await expect(page.getByRole('heading', { level: 2, name: /^Gate: / })).toBeVisible()
    const [session] = await workbench.ask('audit/sessions', { iterationId: (await person.iteration(1)).iterationId })
    expect(session).toMatchObject({ open: false, progress: { judged: 1, total: 5 } })
  })
})

test.describe('the gate', () => {
  test('is undecided after few pairs: more are audited, and what was judged counts on', async ({ page, person }) => {
    await person.goesTo('Spot-check')
    await person.startsSpotCheck({ pairs: 5, line: 90 })
    await person.judgesAll()
    await person.closesSpotCheck()
    await expect(page.getByRole('heading', { name: 'Gate: Undecided at 90 %' })).toBeVisible()
    await page.getByRole('radio', { name: /^Audit more pairs/ }).check()
    await page.getByLabel('Pairs to add').fill('3')
    await page.getByLabel('Pairs to add').press('Tab')
    await person.presses(/^Audit 3 more/)
    await expect(person.item).toBeVisible()
    await person.judgesAll()
    await person.closesSpotCheck()
    await expect(page.getByRole('region', { name: 'Spot-checks of this iteration' }).first()).toContainText('8 of 8 showings')
  })

  test('fails where people judge otherwise: it trains only with a reason, which is kept', async ({ page, person, workbench }) => {
    await person.goesTo('Spot-check')
    await person.startsSpotCheck({ pairs: 20 })
    await person.judgesAll({ wrongly: true })
    await person.closesSpotCheck()
    await expect(page.getByRole('heading', { name: 'Gate: Failed at 60 %' })).toBeVisible()
    await expect(page.getByRole('radio', { name: /^Train M2/ })).toHaveCount(0)
    await page.getByRole('radio', { name: /^Keep only pairs that hold/ }).check()
    await page.getByLabel('C at least').fill('0.9')
    await expect(page.getByText(/pairs? left\./)).toBeVisible()
    await page.getByRole('radio', { name: /^Train anyway/ }).check()
    const anyway = person.button('Train M2 anyway')
    await expect(anyway).toBeDisabled()
    await page.getByRole('textbox', { name: 'Reason' }).fill('to see what becomes of it')
    await anyway.click()
    await person.waitsFor(/^M2 is trained/)
    const { decision } = await workbench.ask('audit/gate', { iterationId: (await person.iteration(1)).iterationId })
    expect(decision?.choice).toEqual({ kind: 'train-anyway', reason: 'to see what becomes of it' })
  })
})
