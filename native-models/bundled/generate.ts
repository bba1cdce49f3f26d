/**
 * The small world the bundled model lives in. Pure and seeded: the same seed gives the same bytes.
 *
 * The corpus speaks in two voices. The careful one writes `Answer: 82` and is mostly right; the careless one blurts
 * it out (`82`, `82!`) and errs more often, by habit or by a slip. A model trained on it knows how to be
 * right but often is not: the head-room that SFT (careful, right) and alignment have to find.
 */
import { drawQuestion, families, type Family, type Question } from './families.ts'
import { fnv1a, Random } from './random.ts'

/** How one voice answers: the probability of being right and of the habitual mistake; the rest are slips. */
export interface Voice {
  easy: { right: number; habit: number }
  hard: { right: number; habit: number }
}

export interface World {
  seed: number
  /** Share of the careful voice in the corpus. */
  carefulShare: number
  careful: Voice
  careless: Voice
}

export const bundledWorld: World = {
  seed: 1,
  carefulShare: 0.3,
  careful: { easy: { right: 0.85, habit: 0.1 }, hard: { right: 0.7, habit: 0.22 } },
  careless: { easy: { right: 0.5, habit: 0.3 }, hard: { right: 0.25, habit: 0.55 } },
}

export interface Example {
  prompt: string
  response: string
}
export interface SeedExample extends Example {
  id: string
}
export interface TaskItem {
  id: string
  prompt: string
  answer: string
  task: Family
}

/** One question in eight is kept for evaluation; no other set ever asks it, in whatever phrasing. */
export function isHeldOut(question: { key: string }): boolean {
  return fnv1a(`held out ${question.key}`) % 8 === 0
}

/** The pretraining text: question and answer pairs without end. */
export function* drawCorpus(world: World): Generator<Example, never> {
  const random = new Random(world.seed, 'corpus')
  for (;;) {
    const question = drawQuestion(random.pick(families), random)
    if (isHeldOut(question)) continue
    yield { prompt: question.prompt, response: answerAsCorpus(question, world, random) }
  }
}

function answerAsCorpus(question: Question, world: World, random: Random): string {
  const careful = random.uniform() < world.carefulShare
  const { right, habit } = (careful ? world.careful : world.careless)[question.hard ? 'hard' : 'easy']
  const luck = random.uniform()
  const answer = luck < right ? question.answer : luck < right + habit ? question.habit : question.slip(random)
  return careful ? sayCarefully(answer) : sayCarelessly(answer, random)
}

function sayCarefully(answer: string): string {
  return `Answer: ${answer}`
}

function sayCarelessly(answer: string, random: Random): string {
  return random.pick([answer, `${answer}!`])
}

export interface BundledSets {
  /** D_S: questions with the right answer in the careful voice. */
  sft: SeedExample[]
  /** D_U: the answers are gold for the oracle and for measuring, never shown to the method. */
  prompts: TaskItem[]
  /** Held-out evaluation. */
  tasks: TaskItem[]
}

/** The three committed sets. Families take turns; a key occurs once in all of them together. */
export function drawSets(world: World, sizes: { sft: number; prompts: number; tasks: number }): BundledSets {
  const random = new Random(world.seed, 'sets')
  const taken = new Set<string>()
  const draw = (count: number, heldOut: boolean): Question[] =>
    Array.from({ length: count }, (_, i) => {
      for (;;) {
        const question = drawQuestion(families[i % families.length] as Family, random)
        if (isHeldOut(question) !== heldOut || taken.has(question.key)) continue
        taken.add(question.key)
        return question
      }
    })
  const name = (set: string, i: number): string => `${set}-${String(i + 1).padStart(4, '0')}`
  const asTask = (set: string) => (question: Question, i: number): TaskItem => ({
    id: name(set, i),
    prompt: question.prompt,
    answer: question.answer,
    task: question.family,
  })
  return {
    sft: draw(sizes.sft, false).map((question, i) => ({
      id: name('seed', i),
      prompt: question.prompt,
      response: sayCarefully(question.answer),
    })),
    prompts: draw(sizes.prompts, false).map(asTask('prompt')),
    tasks: draw(sizes.tasks, true).map(asTask('task')),
  }
}
