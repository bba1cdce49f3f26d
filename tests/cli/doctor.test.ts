import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { examineElectron, type Report } from '../../main/cli/doctor.ts'
import { jsonLines, temporaryFolder } from './run-cli.ts'

describe('doctor', () => {
  test('says what works, what does not, and why', async () => {
    const cwd = temporaryFolder()
    const [report] = await jsonLines<Report>(['doctor', '--json'], { cwd, env: { VK_ICD_FILENAMES: '/nowhere' } })
    expect(report).toMatchObject({
      versions: { creamery: expect.stringMatching(/^\d/), node: process.versions.node, onnxruntime: expect.stringMatching(/^1\./), sqlite: expect.stringMatching(/^3\./) },
      platform: `${process.platform}-${process.arch}`,
      disk: { folder: cwd, freeBytes: expect.any(Number) },
    })
    const checks = new Map(report!.checks.map((check) => [check.name, check]))
    expect([...checks.keys()]).toEqual(['engine', 'device cpu', 'device webgpu', 'store', 'sandbox', 'bundled model', 'Electron window'])
    for (const name of ['engine', 'device cpu', 'store', 'sandbox']) expect(checks.get(name), name).toMatchObject({ works: true })
    if (process.platform === 'linux') expect(checks.get('device webgpu')).toMatchObject({ works: false, detail: expect.stringContaining('WebGPU') })
  })

  test('tells whether Electron\'s binary is there from files alone', () => {
    const folder = temporaryFolder()
    expect(examineElectron(folder, {})).toMatchObject({ works: false, detail: expect.stringContaining('npx install-electron') })
    writeFileSync(join(folder, 'path.txt'), 'electron')
    expect(examineElectron(folder, {})).toMatchObject({ works: false, detail: expect.stringContaining('is not there') })
    mkdirSync(join(folder, 'dist'))
    writeFileSync(join(folder, 'dist/electron'), '')
    expect(examineElectron(folder, {})).toMatchObject({ works: true, detail: join(folder, 'dist/electron') })
    expect(examineElectron(folder, { ELECTRON_OVERRIDE_DIST_PATH: join(folder, 'elsewhere') })).toMatchObject({ works: false })
    expect(examineElectron(temporaryFolder(), { ELECTRON_OVERRIDE_DIST_PATH: join(folder, 'dist') })).toMatchObject({ works: true })
  })
})
