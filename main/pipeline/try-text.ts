/** Tokenizer and chat template of a folder that somebody brings, tried on a few texts before anything is taken. */
import type { Message } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { ModelCard } from '../../preload/contract/requests/place.ts'
import type { Sandbox, SandboxText } from '../sandbox/host.ts'

export interface TextTrial extends Pick<ModelCard, 'tokenizer' | 'template' | 'problems' | 'warnings'> {
  /** Highest token id + 1. */
  readonly vocabulary: number | null
}

const question = 'What is 2 + 2? Write one word.'
const turns: readonly Message[] = [{ role: 'user', content: question }, { role: 'assistant', content: 'Four.' }, { role: 'user', content: 'And 3 + 3?' }]
/** A pattern with a choice too many takes time that grows with the power of such a run's length: a good one takes none. */
const runs = ['a', 'A', '1', ' ', '\n', '!', 'aA', 'a1', 'a ', '. '].map((text) => `${text.repeat(2000)}\u0001`)
/** Templates go over the turns, some over them again at each. */
const longTalk: Message[] = Array.from({ length: 41 }, (_, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content: `turn ${i}` }))

/** Whether the child was stopped, rather than the text refused. */
const isStop = (sentence: string): boolean => sentence.startsWith('The sandbox')

/** Never throws for the folder's sake: what hangs or is refused is a sentence. */
export async function tryText(sandbox: Sandbox, folder: string): Promise<TextTrial> {
  const trial: TextTrial & { vocabulary: number | null } = { tokenizer: null, template: null, vocabulary: null, problems: [], warnings: [] }
  const attempt = async <T>(step: () => Promise<T>, told: (sentence: string) => void): Promise<T | undefined> => {
    try {
      return await step()
    } catch (error) {
      if (!(error instanceof AppError) || (error.code !== 'bad-text' && error.code !== 'sandbox-died')) throw error
      told(error.message)
      return undefined
    }
  }
  const fails = (part: 'tokenizer' | 'template') => (sentence: string): void => {
    trial[part] = 'unusable'
    trial.problems.push(sentence)
  }
  const text = await attempt(() => sandbox.openText(folder), (sentence) => fails(isStop(sentence) || !/chat templates? /.test(sentence.replaceAll(folder, '')) ? 'tokenizer' : 'template')(sentence))
  if (!text) return trial
  try {
    await tryTokenizer(text, trial, attempt, fails('tokenizer'))
    if (trial.problems.length === 0) await tryTemplate(text, trial, attempt, fails('template'))
  } finally {
    await text.close()
  }
  return trial
}

type Attempt = <T>(step: () => Promise<T>, told: (sentence: string) => void) => Promise<T | undefined>

async function tryTokenizer(text: SandboxText, trial: TextTrial & { vocabulary: number | null }, attempt: Attempt, fails: (sentence: string) => void): Promise<void> {
  trial.vocabulary = text.info.vocabSize
  const before = trial.problems.length
  const hangs = (sentence: string): void => { if (isStop(sentence)) fails(sentence) }
  // Small tokenizers know few characters, and say so: that is no fault. What they know they must give back.
  const known = await attempt(async () => {
    const [ids] = await text.encode([question], { special: false })
    const [again] = await text.decode([ids!], { skipSpecial: false })
    return again!.trim() === question
  }, (sentence) => (isStop(sentence) ? fails(sentence) : trial.warnings.push(sentence)))
  if (known === false) trial.warnings.push(`The tokenizer does not give back ${JSON.stringify(question)} as it was written; texts may change on their way through it.`)
  for (const run of runs) if (trial.problems.length === before) await attempt(() => text.encode([run], { special: false }), hangs)
  if (trial.problems.length === before) trial.tokenizer = 'ok'
}

async function tryTemplate(text: SandboxText, trial: TextTrial, attempt: Attempt, fails: (sentence: string) => void): Promise<void> {
  if (!text.info.hasTemplate) {
    trial.template = 'none'
    trial.warnings.push('The folder has no chat template: prompts go to the model as they are, and conversations of several turns cannot be used.')
    return
  }
  const render = (messages: Message[]): Promise<string> => text.render(messages, { addGenerationPrompt: true })
  const before = trial.problems.length
  const lacks = (what: string) => (sentence: string): void => (isStop(sentence) ? fails(sentence) : void trial.warnings.push(`The chat template takes no ${what}: rows with one are rejected.`))
  const steps: [() => Promise<unknown>, (sentence: string) => void][] = [
    [() => render([turns[0]!]), fails],
    [() => render([...turns]), lacks('conversation of several turns')],
    [() => render([{ role: 'system', content: 'Answer briefly.' }, turns[0]!]), lacks('system message')],
    [() => render(longTalk), lacks('conversation of 41 turns')],
  ]
  for (const [step, told] of steps) if (trial.problems.length === before) await attempt(step, told)
  if (trial.problems.length === before) trial.template = 'ok'
}
