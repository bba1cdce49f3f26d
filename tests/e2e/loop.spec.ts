import { expect, test } from './workbench.ts'

test('from the first click to an audited second iteration, without a word of documentation', async ({ page, person }) => {
  test.setTimeout(900_000)
  const began = Date.now()
  const took = (what: string): void => console.log(`${what} after ${((Date.now() - began) / 1000).toFixed(1)} s`)

  await person.presses('Start the demo')
  await expect(person.jobBar).toContainText(/\d+\/\d+ /, { timeout: 10_000 }) // it counts: something visible happens
  took('the demo is at work')

  const waits = person.jobBar.getByText('Waits for you:')
  for (const iteration of [1, 2]) {
    await expect(waits).toBeVisible({ timeout: 400_000 })
    took(`the gate of iteration ${iteration}`)
    await person.jobBar.getByRole('link', { name: 'spot-check' }).click()

    // Twenty pairs, as it proposes, by keys; what the person says decides little here: the line is theirs.
    await person.startsSpotCheck({ line: 5 })
    expect(await person.count()).toEqual([1, 22])
    await person.judgesAll()
    await person.closesSpotCheck()
    took(`iteration ${iteration} is audited`)

    await person.presses(`Train M${iteration + 1}`)
    await expect(person.title).toHaveText(new RegExp(`^M${iteration + 1} is trained: \\d+ steps`), { timeout: 200_000 })
    await person.presses(`Evaluate M${iteration + 1}`)
    await expect(page.getByRole('button', { name: iteration === 1 ? 'Next iteration: from M2' : 'Export' })).toBeVisible({ timeout: 200_000 })
    await person.sees(/M\d/) // the models and their accuracy
    took(`M${iteration + 1} is evaluated`)
    if (iteration === 1) {
      await person.presses('Next iteration: from M2')
      await person.presses('Run on to the spot-check')
    }
  }
  await expect(person.jobBar).toHaveText('Nothing runs; this run is complete.')
})
