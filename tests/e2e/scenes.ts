/**
 * Projects in a known state, each made once a run by Creamery itself (the bundled model, seconds) and copied for every test
 * that begins there.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Page } from '../hosts/client.ts'
import { root } from './electron.ts'
import { Server } from './server.ts'

/**
 * 'tuned' = M1 is made and evaluated, 600 prompts a round wait to be sampled; 'gate' = 60 prompts ranked by M1, the spot-check
 * is next; 'finished' = two rounds, of the first one twelve pairs audited.
 */
export type Scene = 'tuned' | 'gate' | 'finished'

export const scenesFolder = join(root, 'out/e2e/scenes')

const makers: Readonly<Record<Scene, (folder: string) => void | Promise<void>>> = {
  tuned: (folder) => run(folder, 1200, 'evaluate'),
  gate: (folder) => run(folder, 120, 'pair'),
  finished: (folder) => finish(folder),
}

/** @returns its folder; to be copied, never to be opened */
export async function sceneOf(name: Scene): Promise<string> {
  const folder = join(scenesFolder, name)
  if (existsSync(folder)) return folder
  const beside = `${folder}.unfinished`
  rmSync(beside, { recursive: true, force: true })
  mkdirSync(scenesFolder, { recursive: true })
  await makers[name](beside)
  renameSync(beside, folder)
  return folder
}

/** Sure of itself enough to be wrong now and then, so that there is something to audit. */
const settings = { threads: 1, sft: { learningRate: 0.001 }, dpo: { epochs: 4, learningRate: 0.0005 }, checkpointSeconds: 0.5 }

function run(folder: string, promptsLimit: number, until: string): void {
  const config = `${folder}.json`
  writeFileSync(config, JSON.stringify({ ...settings, data: { promptsLimit } }))
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'main/cli.ts'), 'run', '--preset', 'ci', '--config', config, '--project', folder, '--until', until], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`a scene could not be made: ${stderr}`)
}

/** The second half of a session as a person has it, over the wire. */
async function finish(folder: string): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'creamery-scene-'))
  const project = join(home, 'projects/Scene')
  mkdirSync(dirname(project))
  cpSync(await sceneOf('gate'), project, { recursive: true })
  const server = await Server.start({ home, projects: dirname(project) })
  try {
    const page = await Page.open({ port: server.port, link: () => server.link })
    const [found] = await page.ask('project/list', {})
    await page.ask('project/open', { project: found!.handle })
    const { iterations } = await page.ask('run/status', {})
    await audit(page, iterations.find(({ t }) => t === 1)!.iterationId)
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

async function audit(page: Page, iterationId: string): Promise<void> {
  const { session } = await page.ask('audit/start', { key: 'scene-audit-start', iterationId, pairs: 12, annotator: 'Ana', criterion: 'correct, then clear', line: 0.6 })
  for (let i = 0, { pair } = await page.ask('audit/next', { session }); pair; { pair } = await page.ask('audit/next', { session }), i++) {
    await page.ask('audit/judge', { key: `scene-verdict-${i}`, session, pair: pair.pair, verdict: better(pair), milliseconds: 4000 })
  }
  await page.ask('audit/close', { session })
  await page.ask('audit/decide', { key: 'scene-decision', iterationId, choice: { kind: 'train-anyway', reason: 'Twelve pairs are too few to decide, and this run is a try.' } })
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
