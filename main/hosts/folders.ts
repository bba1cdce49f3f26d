/** Where Creamery keeps what is not a project: by each system's custom, in the person's own folders. */
import { homedir } from 'node:os'
import { join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

export const projectsFolder = (): string => join(homedir(), 'Creamery')

/** The list of projects and the log. */
export function stateFolder(platform: NodeJS.Platform = process.platform, env: Environment = process.env, home: string = homedir()): string {
  switch (platform) {
    case 'win32': return join(env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'Creamery')
    case 'darwin': return join(home, 'Library', 'Application Support', 'Creamery')
    default: return join(env['XDG_STATE_HOME'] ?? join(home, '.local', 'state'), 'creamery')
  }
}
