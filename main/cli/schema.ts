/** `schema`: what a run's configuration file may say, as JSON schema. */
import { runConfigJsonSchema } from '../../preload/contract/config.ts'
import type { AddCommand } from './shell.ts'

export const addSchema: AddCommand = (program, act) => {
  program.command('schema')
    .description('Prints the JSON schema of a run\'s configuration, for editors and other tools.')
    .action(act(async (_, { terminal }) => terminal.print(JSON.stringify(runConfigJsonSchema(), null, 2))))
}
