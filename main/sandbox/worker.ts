/** The child: runs imported tokenizers, templates and data files. It may hang or run out of memory; it holds nothing that cannot be made again. */
import { Worker } from 'node:worker_threads'
import { inspectCheckpoint } from '../../native-models/weights/inspect.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { findOverlap } from '../data/overlap.ts'
import { listRejects, previewDataset } from '../data/preview.ts'
import { streamDataset } from '../data/read.ts'
import { writeDataset } from '../data/write.ts'
import { truncateExample } from '../text/example.ts'
import type { TextModel } from '../text/model.ts'
import { openText } from '../text/model.ts'
import { piecesOf } from '../text/pieces.ts'
import { advanceStream, finishStream } from '../text/stream.ts'
import type { CallName, Calls, Reach, Rejected, Reply, Request, RowsRead } from './protocol.ts'
import { textFault } from './text-fault.ts'

/** Rows per message to the host. */
const rowBatch = 500
const heartbeat = 500
/** The heap's limit (child.ts) and what else a process has; below 1 GB by what is taken between two looks. */
const residentMegabytes = 900
/** Characters of all the rows that one reading may send: main keeps them. */
const mostText = 256 * 2 ** 20

const models = new Map<number, TextModel>()

function modelOf(key: number): TextModel {
  const model = models.get(key)
  if (model === undefined) throw new Error(`text model ${key} is not open`)
  return model
}

const shown = (key: number) => (ids: readonly number[]): string => modelOf(key).decode(ids, { skipSpecial: true })

const handlers: { [C in CallName]: (args: Calls[C]['args'], id: number) => Calls[C]['result'] | Promise<Calls[C]['result']> } = {
  openText({ model, folder, today }, id) {
    const text = openText(folder, { ...(today !== undefined && { today }), alive: () => void send({ id, alive: true }) })
    models.set(model, text)
    const { vocabSize, eosIds, bosId, hasTemplate, tokenizerHash, templateHash } = text
    return { folder, vocabSize, eosIds, bosId, hasTemplate, tokenizerHash, templateHash }
  },
  closeText({ model }) {
    models.delete(model)
    return null
  },
  encode: ({ model, texts, special }) => texts.map((text) => modelOf(model).encode(text, { special })),
  encodePrompts: ({ model, prompts }) => prompts.map((prompt) => orRejected(() => ({ ids: modelOf(model).encodePrompt(prompt) }))),
  encodeExamples: ({ model, examples, maxLength = Infinity }) => examples.map(({ prompt, response }) => orRejected(() => {
    const { kept, dropped } = truncateExample(modelOf(model).encodeExample(prompt, response), maxLength)
    return { ...kept, dropped }
  })),
  see({ model, prompt, response, maxLength }) {
    const text = modelOf(model)
    const whole = response === null ? { ids: text.encodePrompt(prompt), completionStart: Infinity } : text.encodeExample(prompt, response)
    const { kept, dropped } = response === null ? { kept: { ids: whole.ids, completionStart: whole.ids.length }, dropped: 0 } : truncateExample(whole, maxLength)
    const written = (ids: readonly number[]): string => text.decode(ids, { skipSpecial: false })
    return { rendered: text.promptText(prompt) + written(whole.ids.slice(kept.completionStart)), ...kept, dropped, pieces: piecesOf(written, kept.ids) }
  },
  decode: ({ model, batch, skipSpecial }) => batch.map((ids) => modelOf(model).decode(ids, { skipSpecial })),
  render: ({ model, messages, addGenerationPrompt }) => modelOf(model).render(messages, { addGenerationPrompt }),
  advanceStream: ({ model, state, ids }) => advanceStream(shown(model), state, ids),
  finishStream: ({ model, state }) => finishStream(shown(model), state),
  inspectModel: ({ folder, adapter }) => inspectCheckpoint(folder, adapter),
  readDataset: ({ kind, path, options }, id) => beating(id, () => sendRows(id, path, streamDataset(kind, path, options))),
  previewData: ({ use, path, ...options }, id) => beating(id, (reach) => previewDataset(use, path, options, reach)),
  listRejects: ({ use, path, ...options }, id) => beating(id, () => listRejects(use, path, options)),
  writeData: ({ use, path, target, options }, id) => beating(id, (reach) => writeDataset(use, path, target, options, reach)),
  findOverlap: (files, id) => beating(id, () => findOverlap(files)),
}

/** A text that cannot be used is that row's fate; every other error is the call's. */
function orRejected<T>(work: () => T): T | Rejected {
  try {
    return work()
  } catch (error) {
    if (error instanceof AppError && error.code === 'bad-text') return { rejected: error.message }
    throw error
  }
}

/** Waiting for a slow disk, or a file of a gigabyte, is no hang: the timer beats as long as this event loop turns. */
async function beating<T>(id: number, work: (reach: Reach) => Promise<T>): Promise<T> {
  const reach: Reach = { bytes: 0, total: 0, rows: 0 }
  const beat = setInterval(() => void send({ id, alive: true, reach }), heartbeat)
  try {
    return await work(reach)
  } finally {
    clearInterval(beat)
  }
}

async function sendRows(id: number, path: string, steps: ReturnType<typeof streamDataset>): Promise<string> {
  let layout = ''
  let rows: RowsRead = { taken: [], rejected: [] }
  let text = 0
  for await (const step of steps) {
    if ('layout' in step) layout = step.layout
    else if ('taken' in step) {
      rows.taken.push(step.taken)
      text += textSize(step.taken)
      if (text > mostText) throw new AppError('bad-data', `${path} holds more than 256 MB of usable text, more than a run can keep. Set a limit on its rows, or choose a part of it.`)
    } else rows.rejected.push(step.rejected)
    if (rows.taken.length + rows.rejected.length < rowBatch) continue
    await send({ id, rows })
    rows = { taken: [], rejected: [] }
  }
  await send({ id, rows })
  return layout
}

function textSize({ prompt, ...rest }: RowsRead['taken'][number]): number {
  const own = typeof prompt === 'string' ? prompt.length : prompt.reduce((sum, { content }) => sum + content.length, 0)
  return own + Object.values(rest).reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 0), 0)
}

function send(reply: Reply): Promise<void> {
  return new Promise((resolve) => process.send!(reply, undefined, undefined, () => resolve()))
}

async function answer({ id, call, args }: Request): Promise<void> {
  try {
    const handle = handlers[call] as (args: unknown, id: number) => unknown
    await send({ id, result: await handle(args, id) })
  } catch (thrown) {
    const folder = call === 'openText' ? args.folder : 'model' in args ? models.get(args.model)?.folder : undefined
    const error = folder === undefined ? thrown : textFault(thrown, folder)
    const code = error instanceof AppError ? error.code : 'internal'
    const sentence = error instanceof Error ? error.message : String(error)
    await send({ id, error: { code, sentence } })
  }
}

/**
 * A hung event loop never hears that its parent died, and what is allocated outside of the heap never meets the heap's limit:
 * this thread sees both, and ends the process.
 */
const guard = `
  const { writeSync } = require('node:fs')
  const parent = process.ppid
  const alive = () => { try { return process.kill(parent, 0) } catch (error) { return error.code === 'EPERM' } }
  const end = () => process.kill(process.pid, 'SIGKILL')
  setInterval(() => { if (process.ppid !== parent || !alive()) end() }, 1000)
  setInterval(() => { if (process.memoryUsage.rss() > ${residentMegabytes * 1e6}) { writeSync(2, 'out of memory: more than ${residentMegabytes} MB are resident\\n'); end() } }, 20)
`
new Worker(guard, { eval: true, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 16 } }).unref()

process.on('disconnect', () => process.exit())
process.on('message', (request: Request) => void answer(request))
void send({ ready: true })
