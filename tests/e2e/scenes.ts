/**
 * Projects in a known state, each made once a run by Creamery itself (the bundled model, seconds) and copied for every test
 * that begins there.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { compileCache } from '../compile-cache.ts'
import { Page } from '../hosts/client.ts'
import { root } from './electron.ts'
import { Server } from './server.ts'

/**
 * 'tuned' = M1 is made and evaluated, 600 prompts a round wait to be sampled; 'gate' = 60 prompts ranked by M1, the spot-check
 * is next; 'finished' = two rounds, of the first one twelve pairs audited. 'demo-gate' and 'demo' are the same of the demo
 * project itself: minutes, for screenshots. 'large' = 20 000 prompts × 5 responses, four judges in the third round, whose
 * training is left to do.
 */
export type Scene = 'tuned' | 'gate' | 'finished' | 'demo-gate' | 'demo' | 'large'

export const scenesFolder = join(root, 'out/e2e/scenes')
export const unfinished = '.unfinished'

const makers: Readonly<Record<Scene, (folder: string) => void | Promise<void>>> = {
  tuned: (folder) => run(folder, { preset: 'ci', config: { ...quick, data: { promptsLimit: 1200 } }, until: 'evaluate' }),
  gate: (folder) => run(folder, { preset: 'ci', config: { ...quick, data: { promptsLimit: 120 } }, until: 'pair' }),
  finished: (folder) => finish(folder, 'gate', 12),
  'demo-gate': (folder) => run(folder, { preset: 'demo', config: {}, until: 'pair' }),
  large: (folder) => spawn(['tests/bench/make-project.ts', folder]),
  demo: (folder) => finish(folder, 'demo-gate', 40),
}

/** Made by whoever needs it first; the other workers wait for that one. @returns its folder; to be copied, never to be opened */
export async function sceneOf(name: Scene): Promise<string> {
  const folder = join(scenesFolder, name)
  const beside = `${folder}${unfinished}`
  while (!existsSync(folder)) {
    if (!claim(beside)) {
      await setTimeout(100)
      continue
    }
    try {
      if (existsSync(folder)) break // by another, between the two looks
      await makers[name](join(beside, 'project'))
      renameSync(join(beside, 'project'), folder)
    } finally {
      rmSync(beside, { recursive: true })
    }
  }
  return folder
}

/** @returns whether the folder is this worker's to fill */
function claim(folder: string): boolean {
  mkdirSync(dirname(folder), { recursive: true })
  try {
    mkdirSync(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Tuned hard, so that a few steps change what the judges say. */
const quick = { threads: 1, sft: { learningRate: 0.001 }, dpo: { epochs: 4, learningRate: 0.0005 }, checkpointSeconds: 0.5 }

function run(folder: string, { preset, config, until }: { preset: string; config: object; until: string }): void {
  const file = `${folder}.json`
  writeFileSync(file, JSON.stringify(config))
  spawn(['main/cli.ts', 'run', '--preset', preset, '--config', file, '--project', folder, '--until', until])
}

/** @param script below the repository's root, with its arguments */
function spawn([script, ...args]: readonly [string, ...string[]]): void {
  const { status, stderr } = spawnSync(process.execPath, [join(root, script), ...args], { encoding: 'utf8', env: { ...process.env, ...compileCache } })
  if (status !== 0) throw new Error(`a scene could not be made: ${stderr}`)
}

/** The second half of a session as a person has it, over the wire. */
async function finish(folder: string, from: Scene, pairs: number): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'creamery-scene-'))
  const project = join(home, 'projects/Scene')
  mkdirSync(dirname(project))
  cpSync(await sceneOf(from), project, { recursive: true })
  const server = await Server.start({ home, projects: dirname(project) })
  try {
    const page = await Page.open({ port: server.port, link: () => server.link })
    const [found] = await page.ask('project/list', {})
    await page.ask('project/open', { project: found!.handle })
    const { iterations } = await page.ask('run/status', {})
    await audit(page, iterations.find(({ t }) => t === 1)!.iterationId, pairs)
    await page.ask('run/start', { key: 'scene-train-to-the-end', gate: 'configured' })
    for (let { job, lastEnd } = await page.ask('run/status', {}); job ?? lastEnd?.how !== 'finished'; { job, lastEnd } = await page.ask('run/status', {})) {
      if (lastEnd?.error) throw new Error(lastEnd.error.sentence)
      await setTimeout(100)
    }
  } finally {
    await server.stop()
  }
  cpSync(project, folder, { recursive: true })
  rmSync(home, { recursive: true })
}

async function audit(page: Page, iterationId: string, pairs: number): Promise<void> {
  const { session } = await page.ask('audit/start', { key: 'scene-audit-start', iterationId, pairs, annotator: 'Ana', criterion: 'correct, then clear', line: 0.6 })
  for (let i = 0, { pair } = await page.ask('audit/next', { session }); pair; { pair } = await page.ask('audit/next', { session }), i++) {
    await page.ask('audit/judge', { key: `scene-verdict-${i}`, session, pair: pair.pair, verdict: better(pair), milliseconds: 4000 })
  }
  await page.ask('audit/close', { session })
  const { gate } = await page.ask('audit/report', { session })
  await page.ask('audit/decide', { key: 'scene-decision', iterationId, choice: gate.state === 'passed' ? { kind: 'passed' } : { kind: 'train-anyway', reason: 'This run is a try.' } })
}

const answers = new Map(readFileSync(join(root, 'native-models/bundled/data/prompts.jsonl'), 'utf8').trimEnd().split('\n').map((line) => {
  const { prompt, answer } = JSON.parse(line) as { prompt: string; answer: string }
  return [prompt, answer]
}))

/** What a person who knows the answers says of two responses to a bundled prompt. */
export function better({ prompt, left, right }: { prompt: unknown; left: string; right: string }): 'left' | 'right' | 'tie' {
  const answer = answers.get(String(prompt))
  if (answer === undefined) throw new Error(`not a bundled prompt: ${JSON.stringify(prompt)}`)
  const isRight = (response: string): boolean => response.trim() === `Answer: ${answer}`
  return isRight(left) === isRight(right) ? 'tie' : isRight(left) ? 'left' : 'right'
}
