/** `status` and `history`: what a project holds, without touching it. */
import { resolve } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import { reportRun, statusOf } from '../pipeline/report.ts'
import { soleRun } from '../pipeline/session.ts'
import { promptHistory } from '../store/history.ts'
import { openProject, type Project } from '../store/project.ts'
import { promptOf } from '../store/prompts.ts'
import { printReport } from './report.ts'
import type { AddCommand } from './shell.ts'
import { formatTable } from './table.ts'

export const addStatus: AddCommand = (program, act) => {
  program.command('status')
    .description('Where the run of a project stands, and its figures so far.')
    .requiredOption('--project <dir>', 'folder of the project')
    .action(act<{ project: string }>(async ({ project: folder }, { terminal }) => reading(folder, (project) => {
      const run = soleRun(project)
      const stages = statusOf(project.db, run.id)
      const ended = stages.every(({ status }) => status === 'done') && stages.at(-1)!.iteration >= run.config.iterations ? 'finished' : 'stopped'
      if (terminal.json) terminal.object({ stages })
      else terminal.print(formatTable(['iteration', 'stage', 'status', ''], stages.map(({ iteration, stage, status, error }) => [String(iteration), stage, status, error ?? ''])))
      printReport(terminal, reportRun(project.db, run.id), { project: project.folder, ended })
    })))

  program.command('history')
    .description('One prompt: its responses under every judge, their consistency, the pair they became.')
    .requiredOption('--project <dir>', 'folder of the project')
    .requiredOption('--prompt <id>', 'the prompt\'s id, e.g. run1.p00007, or its place in the file, e.g. 7')
    .action(act<{ project: string; prompt: string }>(async ({ project: folder, prompt: id }, { terminal }) => reading(folder, (project) => {
      const prompt = promptOf(project.db, id) ?? promptOf(project.db, `${soleRun(project).id}.p${id.padStart(5, '0')}`)
      if (!prompt) throw new AppError('bad-arguments', `The project has no prompt ${id}; give an id such as run1.p00007 or a place in the file of prompts.`)
      const history = promptHistory(project.db, prompt.id)
      if (terminal.json) return terminal.object({ prompt: { ...prompt, tokenIds: [...prompt.tokenIds] }, ...history })
      terminal.print(`${prompt.id}: ${typeof prompt.input === 'string' ? prompt.input : prompt.input.map(({ role, content }) => `${role}: ${content}`).join('\n')}`)
      const judges = [...new Set(history.responses.flatMap(({ judges: list }) => list.map(({ modelId }) => modelId)))]
      terminal.print(formatTable(['response', ...judges.map((judge) => `r ${judge}`), 'right', 'text'], history.responses.map((response) => [
        response.id,
        ...judges.map((judge) => response.judges.find(({ modelId }) => modelId === judge)?.reward?.toFixed(3) ?? '–'),
        response.isCorrect === null ? '–' : response.isCorrect ? 'yes' : 'no',
        JSON.stringify(response.text.length > 60 ? `${response.text.slice(0, 59)}…` : response.text),
      ])))
      for (const { setId, consistency, nullReason } of history.consistencies) terminal.print(`${setId}: C ${consistency?.toFixed(3) ?? `none (${nullReason})`}`)
      for (const { setId, chosenId, rejectedId, consistency } of history.pairs) terminal.print(`${setId}: ${chosenId} chosen over ${rejectedId}, trained with C ${consistency.toFixed(3)}`)
      for (const { setId, reason } of history.skips) terminal.print(`${setId}: skipped (${reason})`)
    })))
}

async function reading(folder: string, work: (project: Project) => void): Promise<void> {
  const project = openProject(resolve(folder), { readOnly: true })
  try {
    work(project)
  } finally {
    project.close()
  }
}
