/** The same seed gives the same run, wherever it lies; another seed gives another. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Holdings, holdingsOf, scratch, smallRun, start } from './fixture.ts'

async function run(name: string, seed: number): Promise<Holdings> {
  await start(join(scratch, name), smallRun({ seed }))
  return holdingsOf(join(scratch, name))
}

test('two runs of one seed hold the same rows and bytes; another seed samples and trains otherwise', { timeout: 240_000 }, async () => {
  const one = await run('one', 7)
  expect(await run('again', 7)).toEqual(one)

  const other = await run('other', 8)
  const textsOf = ({ rows }: Holdings): unknown[] => rows['responses']!.map(({ text }) => text)
  expect(textsOf(other)).toHaveLength(textsOf(one).length)
  expect(textsOf(other)).not.toEqual(textsOf(one))
  for (const name of ['M1', 'M2']) {
    const file = `adapters/run1.${name}/adapter_model.safetensors`
    expect(one.files[file], file).toMatch(/^[0-9a-f]{64}$/)
    expect(other.files[file], file).not.toBe(one.files[file])
  }
})
