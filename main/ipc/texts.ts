/** The text side of a model folder for looks outside of a run. Only the last one stays open: people look into one model at a time. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { SandboxText } from '../sandbox/host.ts'
import type { Workbench } from './workbench.ts'

interface Opened {
  readonly key: string
  readonly text: Promise<SandboxText>
}
const opened = new WeakMap<Workbench, Opened>()
const files = ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja', 'generation_config.json', 'config.json']

/** @throws AppError 'bad-text' when the folder's tokenizer or template cannot be used */
export async function textOf(workbench: Workbench, folder: string): Promise<SandboxText> {
  const key = JSON.stringify([folder, ...files.map((name) => join(folder, name)).map((path) => (existsSync(path) ? statSync(path).mtimeMs : null))])
  const last = opened.get(workbench)
  if (last?.key === key) return last.text
  const next = { key, text: workbench.sandbox.openText(folder) }
  opened.set(workbench, next)
  next.text.catch(() => { // a failed opening is not remembered
    if (opened.get(workbench) === next) opened.delete(workbench)
  })
  await last?.text.then((text) => text.close(), () => {})
  return next.text
}
