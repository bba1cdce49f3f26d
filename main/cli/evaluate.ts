/** `evaluate`: a model's accuracy on one task file, greedy and sampled. */
import { basename, resolve } from 'node:path'
import { EvaluationScorer } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { answer, planAnswers } from '../evaluate/answering.ts'
import { judgeResponse } from '../evaluate/answers.ts'
import { scoreGreedy, scoreSampled } from '../evaluate/scoring.ts'
import { openModel, requireDevice } from '../pipeline/open-model.ts'
import { readQuestions } from '../pipeline/questions.ts'
import { type ModelOptions, addModelOptions, decimal, integer, oneOf } from './options.ts'
import { type AddCommand, type Shell, withEngine, withSandbox } from './shell.ts'

interface Options extends ModelOptions {
  readonly task: string
  readonly limit?: number
  readonly scorer: EvaluationScorer
  readonly samples: number
  readonly temperature: number
  readonly maxTokens: number
  readonly suffix: string
  readonly seed: number
}

export const addEvaluate: AddCommand = (program, act) => {
  addModelOptions(program.command('evaluate').description('Accuracy on a task file (ARC, OpenBookQA, SIQA, GSM8K, …): greedy with Wilson interval, sampled with standard error.'))
    .requiredOption('--task <file>', 'JSON or JSON Lines of questions with answers')
    .option('--limit <n>', 'only the first n questions', integer('--limit', { min: 1 }))
    .option('--scorer <name>', `${EvaluationScorer.options.join(', ')}; their figures are never comparable`, oneOf('--scorer', EvaluationScorer.options), 'strict')
    .option('--samples <k>', 'sampled answers a question; 0 = greedy only', integer('--samples', { min: 0, max: 100 }), 5)
    .option('--temperature <x>', 'of the sampled answers', decimal('--temperature', { above: 0 }), 0.8)
    .option('--max-tokens <n>', 'longest answer', integer('--max-tokens', { min: 1 }), 256)
    .option('--suffix <text>', 'put behind every question', '')
    .option('--seed <n>', 'same seed, same answers', integer('--seed', { min: 0, max: 2 ** 32 - 1 }), 42)
    .action(act<Options>((options, shell) => evaluate(options, shell)))
}

function evaluate(options: Options, { terminal, signal }: Shell): Promise<void> {
  return withSandbox(async (sandbox) => {
    const folder = resolve(options.model)
    const { config, text } = await openModel(sandbox, folder)
    const source = { name: basename(options.task).replace(/\..*$/, ''), file: resolve(options.task), ...(options.limit !== undefined && { limit: options.limit }) }
    const { questions, leftOut } = await readQuestions([source], { suffix: options.suffix, contextLength: config.maxPositions }, sandbox, text)
    if (questions.length === 0) throw new AppError('bad-data', `No question of ${options.task} can be asked: all ${leftOut} are unusable or longer than the context of ${config.maxPositions} tokens.`)

    await withEngine(async (engine) => {
      await requireDevice(engine, options)
      const decodings = [{ name: 'greedy', samples: 1, samplingTemperature: 0 }, { name: 'sampled', samples: options.samples, samplingTemperature: options.temperature }].filter(({ samples }) => samples > 0)
      const plans = decodings.map((decoding) => ({ ...decoding, batches: planAnswers(questions, decoding.samples, options.maxTokens, config.maxPositions) }))
      const bar = terminal.progress('answering', plans.reduce((sum, { batches }) => sum + batches.length, 0), 'batches')
      let done = 0
      const verdicts = new Map(decodings.map(({ name }) => [name, new Map<string, boolean[]>()]))
      try {
        for (const { name, batches, samplingTemperature } of plans) {
          for (const batch of batches) {
            const answers = await answer(questions, batch, {
              engine, signal, device: options.device, weights: options.weights, threads: options.threads, model: { folder, adapter: options.adapter === undefined ? null : resolve(options.adapter) },
              seed: options.seed, eosIds: text.info.eosIds, samplingTemperature, decode: (ids) => text.decode(ids, { skipSpecial: true }),
            })
            for (const { item: at, text: response } of answers) {
              const { item } = questions[at]!
              const list = verdicts.get(name)!
              list.set(item.id, [...(list.get(item.id) ?? []), judgeResponse(response, item, options.scorer).correct])
            }
            bar.reach(++done)
          }
        }
      } finally {
        bar.finish()
      }
      const greedy = scoreGreedy(new Map([...verdicts.get('greedy')!].map(([id, [correct]]) => [id, correct!])))
      const sampled = options.samples > 0 ? scoreSampled(verdicts.get('sampled')!) : null
      if (!terminal.isRead) return terminal.object({ task: options.task, scorer: options.scorer, questions: questions.length, leftOut, greedy, sampled })
      const percent = (share: number): string => (100 * share).toFixed(1)
      terminal.print(`${questions.length} questions${leftOut ? `, ${leftOut} left out` : ''}, scorer ${options.scorer}`)
      terminal.print(`greedy   ${percent(greedy.accuracy)} % [${percent(greedy.low)}, ${percent(greedy.high)}]`)
      if (sampled) terminal.print(`sampled  ${percent(sampled.accuracy)} %${sampled.standardError === null ? '' : ` ± ${percent(1.96 * sampled.standardError)}`} (T ${options.temperature}, ${options.samples} a question)`)
    })
  })
}
