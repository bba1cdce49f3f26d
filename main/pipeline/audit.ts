/** Stage `audit`: a person's look before anything is trained (METHOD §2f). Headless, it is skipped or demanded, never faked. */
import { AppError } from '../../preload/contract/errors.ts'
import { type StageContext, configOf } from './context.ts'

export async function audit(context: StageContext): Promise<string> {
  if (configOf(context).gate === 'skip') return 'not audited'
  throw new AppError('method-stopped', 'This run wants its pairs audited by a person before training; audit them in the workbench, or run with --gate skip (the model card then says "not audited").')
}
