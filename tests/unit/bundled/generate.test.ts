import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { drawQuestion, families, type Question } from '../../../native-models/bundled/families.ts'
import { bundledWorld, drawCorpus, drawSets, isHeldOut } from '../../../native-models/bundled/generate.ts'
import { Random } from '../../../native-models/bundled/random.ts'
import { bundledFiles, bundledSizes } from '../../../native-models/bundled/write.ts'

const bundled = join(import.meta.dirname, '../../../native-models/bundled')

/** An independent solver: reads the question out of its text. */
function solve(prompt: string): { key: string; answer: string } {
  const sum = /^(?:Add )?(\d\d)(?:\+| and )(\d\d)[?.]$/.exec(prompt)
  if (sum) {
    const [a, b] = [Number(sum[1]), Number(sum[2])].sort((x, y) => x - y) as [number, number]
    return { key: `sum ${a} ${b}`, answer: `${a + b}` }
  }
  const pick = /^(Largest|Max|Smallest|Min)\? ((?:[A-D]\d ?){4})$/.exec(prompt)
  if (pick) {
    const most = pick[1] === 'Largest' || pick[1] === 'Max'
    const options = (pick[2] as string).split(' ').sort((p, q) => (p[1] as string).localeCompare(q[1] as string))
    return { key: `pick ${most} ${pick[2]}`, answer: (options.at(most ? -1 : 0) as string)[0] as string }
  }
  const [verb, word] = prompt.replace('.', '').split(' ') as [string, string]
  if (verb === 'Sort' || verb === 'Order') return { key: `sort ${word}`, answer: [...word].sort().join('') }
  if (verb === 'Reverse' || verb === 'Backwards') return { key: `reverse ${word}`, answer: [...word].reverse().join('') }
  throw new Error(`cannot read ${prompt}`)
}

const take = <T>(source: Generator<T, never>, count: number): T[] => Array.from({ length: count }, () => source.next().value)

describe('questions', () => {
  it.each(families)('%s: the answer is right, every mistake is wrong and of the answer\'s kind', (family) => {
    const random = new Random(7, family)
    for (let i = 0; i < 2000; i++) {
      const question: Question = drawQuestion(family, random)
      expect(solve(question.prompt).answer).toBe(question.answer)
      expect(question.habit).not.toBe(question.answer)
      const slip = question.slip(random)
      expect(slip).not.toBe(question.answer)
      if (family === 'sort' || family === 'reverse') {
        for (const wrong of [slip, question.habit]) expect([...wrong].sort()).toEqual([...question.answer].sort())
      }
    }
  })
})

describe('sets', () => {
  const sets = drawSets(bundledWorld, bundledSizes)
  const keys = (rows: { prompt: string }[]): Set<string> => new Set(rows.map((row) => solve(row.prompt).key))

  it('ask no question twice, and held-out questions nowhere else', () => {
    const [sft, prompts, tasks] = [keys(sets.sft), keys(sets.prompts), keys(sets.tasks)]
    expect([sft.size, prompts.size, tasks.size]).toEqual([bundledSizes.sft, bundledSizes.prompts, bundledSizes.tasks])
    expect(new Set([...sft, ...prompts, ...tasks]).size).toBe(sft.size + prompts.size + tasks.size)
    for (const { prompt } of take(drawCorpus(bundledWorld), 100_000)) expect(tasks.has(solve(prompt).key)).toBe(false)
  })

  it('hold out about one question in eight, whatever the phrasing', () => {
    const random = new Random(3, 'share')
    const questions = Array.from({ length: 8000 }, () => drawQuestion(random.pick(families), random))
    expect(questions.filter(isHeldOut).length / questions.length).toBeCloseTo(1 / 8, 1)
    const sides = new Map<string, boolean>()
    for (const question of questions) {
      const key = solve(question.prompt).key
      expect(sides.get(key) ?? isHeldOut(question)).toBe(isHeldOut(question))
      sides.set(key, isHeldOut(question))
    }
  })

  it('seed answers are right and careful, gold answers are right, families are even', () => {
    for (const row of sets.sft) expect(row.response).toBe(`Answer: ${solve(row.prompt).answer}`)
    for (const row of [...sets.prompts, ...sets.tasks]) expect(row.answer).toBe(solve(row.prompt).answer)
    for (const family of families) expect(sets.tasks.filter((row) => row.task === family)).toHaveLength(bundledSizes.tasks / 4)
  })

  it('are the committed files, under 1 MB', () => {
    let size = 0
    for (const [path, content] of bundledFiles()) {
      expect(readFileSync(join(bundled, path), 'utf8'), path).toBe(content)
      size += content.length
    }
    expect(size).toBeLessThan(1e6)
  })
})

describe('corpus', () => {
  it('is the same for the same seed and another for another', () => {
    const first = (seed: number): string[] => take(drawCorpus({ ...bundledWorld, seed }), 50).map((row) => row.prompt + row.response)
    expect(first(1)).toEqual(first(1))
    expect(first(1)).not.toEqual(first(2))
  })

  it('speaks in two voices that are right as often as the world says', () => {
    const seen = { careful: { right: 0, all: 0 }, careless: { right: 0, all: 0 } }
    for (const { prompt, response } of take(drawCorpus(bundledWorld), 40_000)) {
      const voice = response.startsWith('Answer: ') ? seen.careful : seen.careless
      voice.all += 1
      if (response.replace(/^answer: |[.!]$/gi, '') === solve(prompt).answer) voice.right += 1
    }
    expect(seen.careful.all / 40_000).toBeCloseTo(bundledWorld.carefulShare, 1)
    for (const name of ['careful', 'careless'] as const) {
      const { easy, hard } = bundledWorld[name]
      const share = seen[name].right / seen[name].all
      expect(share).toBeGreaterThan(hard.right)
      expect(share).toBeLessThan(easy.right)
    }
  })
})
