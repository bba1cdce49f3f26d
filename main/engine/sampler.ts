/** Generates responses: many sequences at once, one token a step, each with random numbers of its own. */
import { decodeGraph, logitsGraph, prefillGraph } from '../../native-models/families/decoding.ts'
import { uniform } from '../../native-models/random.ts'
import type { ModelConfig } from '../../native-models/weights/config.ts'
import type { FinishReason } from '../../preload/contract/domain.ts'
import { type KeyValueCache, emptyCache, grownCache, writeRows } from './cache-rows.ts'
import { allCandidates, chooseToken } from './choose.ts'
import type { CallContext } from './dispatch.ts'
import { scalar, tokenIds } from './feeds.ts'
import { Cache } from './cache.ts'
import { type SampledModel, merge } from './merged.ts'
import type { ModelRef, Place, SampleEvent, SampleParams, SampleResult } from './protocol.ts'
import { type DeviceTensor, type Session, type Tensors, tensor, upload } from './sessions.ts'

/** On the CPU a cache grows by so many slots at a time; a multiple of 16 keeps every row's last bits its own (ENGINE §9). */
const GROWTH = 64

interface Sampler {
  readonly key: string
  readonly merged: SampledModel
  readonly sessions: Cache<Session>
}
let current: Sampler | null = null

/** The merged model stays until another one samples, or `endSampling`. */
async function samplerFor(model: ModelRef, place: Place): Promise<Sampler> {
  const key = JSON.stringify([model, place.device, place.weights, place.threads])
  if (current?.key === key) return current
  endSampling()
  return (current = { key, merged: await merge(model, place), sessions: new Cache<Session>(4, (session) => session.dispose()) })
}

export function endSampling(): void {
  current?.sessions.clear()
  current?.merged.dispose()
  current = null
}

interface Row {
  readonly prompt: number
  readonly key: readonly number[]
  readonly ids: number[]
  finish: FinishReason | null
  /** Tokens in its cache. */
  length: number
}

/** One planned batch. The same parameters give the same tokens, whatever ran before. */
export async function sample(params: SampleParams, context: CallContext<SampleEvent>): Promise<SampleResult> {
  const { prompts, shape, maxNewTokens, device } = params
  requireFit(params)
  const { merged, sessions } = await samplerFor(params.model, params)
  const { config, parameters } = merged
  const open = (name: string, prepack: boolean, graph: () => Parameters<SampledModel['open']>[0]): Promise<Session> => sessions.get(name, () => merged.open(graph(), prepack))
  const inverseTemperature = scalar(params.samplingTemperature > 0 ? 1 / params.samplingTemperature : 1)
  const common: Tensors = { ...(await merged.feeds()), inverseTemperature }

  const rows: Row[] = Array.from({ length: shape.rows }, (_, i) => {
    const given = params.rows[i]
    return { prompt: given?.prompt ?? 0, key: given?.key ?? [], ids: [], finish: given ? null : 'length', length: prompts[given?.prompt ?? 0]!.length }
  })

  const prefill = await open(`prefill ${shape.prompts} ${shape.promptLength}`, false, () => prefillGraph(config, shape.prompts, shape.promptLength, parameters))
  const read = await prefill.run({ ...common, ...promptFeeds(prompts, shape, config) })
  const roomFor = (slots: number): number => (device === 'cpu' ? Math.min(shape.capacity, Math.ceil(slots / GROWTH) * GROWTH) : shape.capacity)
  let cache = emptyCache(config, shape.rows, roomFor(shape.promptLength))
  for (let layer = 0; layer < config.layers; layer++) {
    writeRows(cache, layer, read[`keys.${layer}`]!, read[`values.${layer}`]!, rows.map(({ prompt, length }, row) => ({ row, source: prompt, start: 0, count: length })))
  }
  if (device !== 'cpu') cache = await cacheOnDevice(cache, device)

  const decode = await open(`decode ${shape.rows} ${shape.capacity}`, true, () => decodeGraph(config, shape.rows, shape.capacity, device === 'cpu' ? 'rows' : 'whole', parameters))
  const wholeRow = async (hidden: DeviceTensor): Promise<Float32Array> => {
    const session = await open(`logits ${hidden.dims[0]}`, false, () => logitsGraph(config, hidden.dims[0]!, parameters))
    return (await session.run({ ...common, hidden }))['logits']!.data as Float32Array
  }

  let choice = read
  let rowOf = (row: Row): number => row.prompt // the first token of every response comes from its prompt's row
  try {
    for (let step = 0; ; step++) {
      context.signal.throwIfAborted()
      await chooseAll(rows, rowOf, choice, params, wholeRow)
      if (params.stream) context.emit({ step, ids: Int32Array.from(params.rows, (_, i) => (rows[i]!.ids.length > step ? rows[i]!.ids[step]! : -1)) })
      if (rows.every(({ finish }) => finish !== null) || step + 1 >= maxNewTokens) break
      choice = await decode.run({ ...common, ...stepFeeds(rows, config), ...cache.feeds }, device === 'cpu' ? undefined : inPlace(cache))
      if (device === 'cpu') {
        const needed = roomFor(Math.max(...rows.map(({ length }) => length + 1)))
        if (needed > cache.capacity) cache = grownCache(cache, config, shape.rows, needed)
        const places = rows.map(({ length }, row) => ({ row, source: row, start: length, count: 1 }))
        for (let layer = 0; layer < config.layers; layer++) writeRows(cache, layer, choice[`keys.${layer}`]!, choice[`values.${layer}`]!, places)
      }
      for (const row of rows) if (row.finish === null) row.length++
      const index = new Map(rows.map((row, i) => [row, i]))
      rowOf = (row) => index.get(row)!
    }
  } finally {
    if (device !== 'cpu') for (const one of Object.values(cache.feeds)) one.dispose()
  }
  return { completions: rows.slice(0, params.rows.length).map(({ ids, finish }) => ({ ids: Int32Array.from(ids), finishReason: finish ?? 'length' })) }
}

/** Draws the next token of every row that is not finished. */
async function chooseAll(rows: readonly Row[], rowOf: (row: Row) => number, choice: Tensors, params: SampleParams, wholeRow: (hidden: DeviceTensor) => Promise<Float32Array>): Promise<void> {
  const { values, ids, logSum, hidden } = choice as Record<'values' | 'ids' | 'logSum' | 'hidden', DeviceTensor>
  const k = values.dims[1]!
  const cut = params.samplingTemperature > 0 ? { topP: params.topP, topK: params.topK } : { topP: 1, topK: 1 }
  let logits: Float32Array | null = null
  for (const row of rows) {
    if (row.finish !== null) continue
    const at = rowOf(row)
    const u = uniform(params.seed, ...row.key, row.ids.length)
    const likeliest = {
      values: (values.data as Float32Array).subarray(at * k, (at + 1) * k),
      ids: (ids.data as BigInt64Array).subarray(at * k, (at + 1) * k),
      logSum: (logSum.data as Float32Array)[at]!,
    }
    let token = chooseToken(likeliest, cut, u, false)
    if (token === null) {
      logits ??= await wholeRow(hidden)
      const width = logits.length / values.dims[0]!
      token = chooseToken(allCandidates(logits.subarray(at * width, (at + 1) * width), cut.topK > 0 ? 1 : cut.topP), cut, u, true)!
    }
    row.ids.push(token)
    if (params.eosIds.includes(token)) row.finish = 'eos'
    else if (row.ids.length >= params.maxNewTokens) row.finish = 'length'
  }
}

/** A batch beyond its shape would be cut or write into a neighbour's cache without a word. */
function requireFit({ prompts, rows, shape, maxNewTokens }: SampleParams): void {
  if (rows.length > shape.rows) throw new Error(`${rows.length} rows do not fit a batch of ${shape.rows}`)
  if (prompts.length > shape.prompts) throw new Error(`${prompts.length} prompts do not fit a batch of ${shape.prompts}`)
  prompts.forEach((ids, i) => {
    if (ids.length === 0 || ids.length > shape.promptLength) throw new Error(`prompt ${i} of ${ids.length} tokens does not fit ${shape.promptLength}`)
    if (ids.length + maxNewTokens > shape.capacity) throw new Error(`prompt ${i} of ${ids.length} tokens and ${maxNewTokens} new ones do not fit a cache of ${shape.capacity} slots`)
  })
}

function promptFeeds(prompts: readonly Int32Array[], { prompts: count, promptLength }: SampleParams['shape'], config: ModelConfig): Tensors {
  const tokens = new Int32Array(count * promptLength)
  const last = new BigInt64Array(count)
  prompts.forEach((ids, i) => {
    tokens.set(ids, i * promptLength)
    last[i] = BigInt(i * promptLength + ids.length - 1)
  })
  return { tokens: tokenIds(tokens, config), last: tensor('int64', [count, 1], last) }
}

function stepFeeds(rows: readonly Row[], config: ModelConfig): Tensors {
  return {
    tokens: tokenIds(Int32Array.from(rows, ({ ids }) => ids.at(-1) ?? 0), config),
    lengths: tensor('int64', [rows.length, 1], BigInt64Array.from(rows, ({ length }) => BigInt(length))),
    filled: tensor('float32', [rows.length, 1, 1, 1], Float32Array.from(rows, ({ length }) => length)),
  }
}

async function cacheOnDevice({ feeds, ...rest }: KeyValueCache, device: Place['device']): Promise<KeyValueCache> {
  const moved: Record<string, DeviceTensor> = {}
  for (const [name, one] of Object.entries(feeds)) moved[name] = await upload(one, device)
  return { feeds: moved, ...rest }
}

/** The cache is overwritten where it lies; the choice comes to the CPU. */
function inPlace({ feeds, layers }: KeyValueCache): Record<string, DeviceTensor | null> {
  const fetches: Record<string, DeviceTensor | null> = { values: null, ids: null, logSum: null, hidden: null }
  for (let layer = 0; layer < layers; layer++) {
    fetches[`keys.${layer}`] = feeds[`cache.keys.${layer}`]!
    fetches[`values.${layer}`] = feeds[`cache.values.${layer}`]!
  }
  return fetches
}
