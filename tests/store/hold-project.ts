/** Opens the project named on the command line, says so, and holds it until it is killed. */
import { openProject } from '../../main/store/project.ts'

try {
  openProject(process.argv[2]!)
  process.stdout.write('open')
  setInterval(() => {}, 1000)
} catch (error) {
  process.stdout.write((error as Error).message)
}
