import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import type { Sandbox } from '../../../main/sandbox/host.ts'
import { startSandbox } from '../../../main/sandbox/host.ts'
import { openText } from '../../../main/text/model.ts'
import { byteLevelFolder, byteLevelTokenizer, largeFolder } from '../text/fixtures.ts'
import { awake } from '../../awake.ts'
import { temporaryFolder } from '../../temporary.ts'

const sandboxes: Sandbox[] = []
const start = (limits = {}): Sandbox => {
  const sandbox = startSandbox(limits)
  sandboxes.push(sandbox)
  return sandbox
}
afterAll(() => Promise.all(sandboxes.map((sandbox) => sandbox.close())))

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
const goneWithin = async (pid: number, milliseconds: number): Promise<boolean> => {
  for (const end = Date.now() + milliseconds; Date.now() < end; await wait(50)) if (!alive(pid)) return true
  return !alive(pid)
}

const endless = '{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}'
/** Renders a conversation of one message, works without end on a longer one. */
const hostileTemplate = `{% if messages | length > 1 %}${endless}{% endif %}{{ messages[0].content }}`
const good = byteLevelFolder()
const folder = temporaryFolder('sandbox')

describe('text behind the sandbox', () => {
  const sandbox = start()

  it('gives what the model gives in process', async () => {
    const here = openText(good)
    const there = await sandbox.openText(good)
    const { folder: _, ...facts } = there.info
    expect(here).toMatchObject(facts)
    expect(await there.encode(['hello', 'ä'], { special: true })).toEqual([here.encode('hello', { special: true }), here.encode('ä', { special: true })])
    expect(await there.encodePrompts(['2+2', [{ role: 'user', content: '2+2' }]])).toEqual([{ ids: here.encodePrompt('2+2') }, { ids: here.encodePrompt('2+2') }])
    expect(await there.encodeExamples([{ prompt: '2+2', response: 'hello' }])).toEqual([{ ...here.encodeExample('2+2', 'hello'), dropped: 0 }])
    expect(await there.decode([[260], []], { skipSpecial: true })).toEqual(['hello', ''])
    expect(await there.render([{ role: 'user', content: 'x' }], { addGenerationPrompt: false })).toBe('<|im_start|>user\nx<|im_end|>\n')
    const stream = there.stream()
    const pieces = []
    for (const id of here.encode('a🧀b', { special: false })) pieces.push(await stream.push([id]))
    expect([...pieces, await stream.finish()]).toEqual(['a', '', '', '', '🧀', 'b', ''])
  })

  it('rejects single rows of a batch with the reason, and cuts to a length', async () => {
    const text = await sandbox.openText(good)
    const { completionStart } = openText(good).encodeExample('2+2', 'hello hello')
    const [empty, fits, long] = await text.encodeExamples([
      { prompt: 'a', response: ' ' },
      { prompt: '2+2', response: 'hello hello' },
      { prompt: 'a'.repeat(100), response: 'b' },
    ], { maxLength: completionStart + 1 })
    expect(empty).toEqual({ rejected: expect.stringContaining('empty') })
    expect(fits).toMatchObject({ completionStart, dropped: 3 })
    expect(long).toEqual({ rejected: expect.stringContaining('no room') })
  })

  it('answers calls made at once, each with its own result, in chunks', async () => {
    const text = await sandbox.openText(good)
    const prompts = Array.from({ length: 1000 }, (_, i) => `question ${i} ${'x'.repeat(i)}`)
    const [many, ...single] = await Promise.all([
      text.encodePrompts(prompts),
      ...prompts.slice(0, 40).map((prompt) => text.encodePrompts([prompt])),
    ])
    expect(many).toHaveLength(1000)
    expect(many.slice(0, 40)).toEqual(single.flat())
    expect(many[999]).toEqual({ ids: openText(good).encodePrompt(prompts[999]!) })
  })

  it('opens 256 000 tokens and half a million merges in many small steps', async () => {
    const large = largeFolder()
    // By the processor's clock: on a busy machine a step may be interrupted for longer than it takes.
    const used = (): number => {
      const { user, system } = process.threadCpuUsage()
      return user + system
    }
    const signs = [used()]
    const here = openText(large, { alive: () => signs.push(used()) })
    signs.push(used())
    const [steps, whole] = [signs.slice(1).map((sign, i) => sign - signs[i]!), signs.at(-1)! - signs[0]!]
    expect(Math.max(...steps)).toBeLessThan(whole / 5)
    const there = await sandbox.openText(large)
    expect(there.info.vocabSize).toBe(256_000)
    expect(await there.encode(['abba caddab'], { special: false })).toEqual([here.encode('abba caddab', { special: false })])
    await there.close()
  }, 240_000)

  it('passes errors on with code and sentence', async () => {
    await expect(sandbox.openText(folder)).rejects.toMatchObject({ name: 'AppError', code: 'bad-text', message: expect.stringContaining('tokenizer.json') })
    await expect(sandbox.readSft(join(folder, 'nowhere.jsonl'))).rejects.toMatchObject({ code: 'bad-data' })
  })

  it('reads data files, in batches', async () => {
    const path = join(folder, 'many.jsonl')
    writeFileSync(path, Array.from({ length: 1700 }, (_, i) => JSON.stringify(i % 17 === 0 ? '' : `prompt ${i}`)).join('\n'))
    const { layout, taken, rejected } = await sandbox.readPrompts(path)
    expect([layout, taken.length, rejected.length]).toEqual(['strings', 1600, 100])
    expect(taken[0]).toEqual({ id: 'many:2', prompt: 'prompt 1' })
    expect(rejected[1]).toEqual({ row: 18, reason: 'is empty' })
    expect((await sandbox.readPrompts(path, { limit: 3 })).taken).toHaveLength(3)
  })
})

describe('imported code that does not end', () => {
  it('in a template is killed within 5 s; the host goes on with a fresh child that has everything open again', async () => {
    const sandbox = start()
    const hostile = await sandbox.openText(byteLevelFolder({ 'chat_template.jinja': hostileTemplate }))
    const other = await sandbox.openText(good)
    const before = sandbox.pid()!
    const began = awake()
    let ticks = 0
    const ticking = setInterval(() => ticks++, 10)
    const hung = hostile.encodePrompts([[{ role: 'system', content: 's' }, { role: 'user', content: 'u' }]])
    const queued = other.encode(['hello'], { special: false })
    await expect(hung).rejects.toMatchObject({ code: 'sandbox-died', message: expect.stringMatching(/no sign of life for 4 s while it was tokenising prompts 1–1 of 1/) })
    clearInterval(ticking)
    expect(awake() - began).toBeLessThan(5000)
    expect(ticks).toBeGreaterThan(200) // main's loop kept turning
    expect(await queued).toEqual([[260]])
    expect(sandbox.pid()).not.toBe(before)
    expect(alive(before)).toBe(false)
    expect(await hostile.render([{ role: 'user', content: 'still here' }], { addGenerationPrompt: false })).toBe('still here')
  })

  it('in a tokenizer’s pattern is killed too', async () => {
    const sandbox = start({ call: 800 })
    const hostile = await sandbox.openText(byteLevelFolder({}, '(a+)+b|\\s+'))
    expect(await hostile.encode(['aab'], { special: false })).toEqual([[97, 97, 98]])
    await expect(hostile.encode(['a'.repeat(60)], { special: false })).rejects.toMatchObject({ code: 'sandbox-died', message: expect.stringContaining('tokenising texts') })
    expect(await hostile.encode(['aab'], { special: false })).toEqual([[97, 97, 98]])
  })

  it('or takes all memory is named as that', async () => {
    const sandbox = start({ call: 90_000 })
    const hungry = await sandbox.openText(byteLevelFolder({ 'chat_template.jinja': '{% for a in range(300000000) %}{% endfor %}' }))
    await expect(hungry.render([{ role: 'user', content: 'x' }], { addGenerationPrompt: false })).rejects.toMatchObject({ code: 'sandbox-died', message: expect.stringContaining('out of memory') })
  }, 120_000)
})

describe('the child', () => {
  it('killed from outside is replaced, and a tokenizer that changed meanwhile is refused', async () => {
    const sandbox = start()
    const changing = byteLevelFolder()
    const [text, changed] = [await sandbox.openText(good), await sandbox.openText(changing)]
    const pending = text.encode(Array.from({ length: 5000 }, () => 'hello '.repeat(200)), { special: false })
    process.kill(sandbox.pid()!, 'SIGKILL')
    await expect(pending).rejects.toMatchObject({ code: 'sandbox-died', message: expect.stringContaining('killed') })
    writeFileSync(join(changing, 'tokenizer.json'), JSON.stringify({ ...byteLevelTokenizer(), extra: 1 }))
    expect(await text.encode(['hello'], { special: false })).toEqual([[260]])
    await expect(changed.encode(['hello'], { special: false })).rejects.toMatchObject({ code: 'bad-text', message: expect.stringContaining('has changed on disk') })
  })

  it('is not started again to forget what died with it', async () => {
    const sandbox = start()
    const text = await sandbox.openText(good)
    const pid = sandbox.pid()!
    process.kill(pid, 'SIGKILL')
    expect(await goneWithin(pid, 5000)).toBe(true)
    await expect.poll(() => sandbox.pid()).toBe(undefined)
    await text.close()
    expect(sandbox.pid()).toBe(undefined)
  })

  it('is gone after close, even one that hangs; waiting calls are rejected', async () => {
    const idle = start()
    await idle.openText(good)
    const hanging = start()
    const hostile = await hanging.openText(byteLevelFolder({ 'chat_template.jinja': endless }))
    const pids = [idle.pid()!, hanging.pid()!]
    const calls = Promise.allSettled([1, 2].map(() => hostile.render([{ role: 'user', content: 'x' }], { addGenerationPrompt: false })))
    await wait(100)
    await Promise.all([idle.close(), hanging.close()])
    expect(pids.map(alive)).toEqual([false, false])
    expect(await calls).toMatchObject([{ reason: { code: 'cancelled' } }, { reason: { code: 'cancelled' } }])
    await expect(idle.openText(good)).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('dies with a killed parent, even when it hangs', async () => {
    const script = join(folder, 'parent.ts')
    writeFileSync(script, `
      import { startSandbox } from ${JSON.stringify(join(import.meta.dirname, '../../../main/sandbox/host.ts'))}
      const sandbox = startSandbox({ call: 60_000 })
      const text = await sandbox.openText(process.argv[2])
      text.render([{ role: 'user', content: 'x' }], { addGenerationPrompt: false })
      setTimeout(() => process.send(sandbox.pid()), 300)
    `)
    for (const template of [endless, 'harmless']) {
      const parent = fork(script, [byteLevelFolder({ 'chat_template.jinja': template })], { execArgv: [] })
      const pid = await new Promise<number>((resolve) => parent.once('message', (message) => resolve(message as number)))
      expect(alive(pid)).toBe(true)
      parent.kill('SIGKILL')
      expect(await goneWithin(pid, 5000)).toBe(true)
    }
  })
})
