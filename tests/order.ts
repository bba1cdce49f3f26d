/** Slow files begin first, so that the workers end together: without it the slowest may start last, alone on the machine. */
import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files of more than about ten seconds on two cores, slowest first (`npm test -- --reporter=json` tells the times). */
export const slow: readonly string[] = [
  'tests/learning/loop.test.ts',
  'tests/engine/webgpu.test.ts',
  'tests/engine/halves.test.ts',
  'tests/cli/run.test.ts',
  'tests/engine/families.test.ts',
  'tests/crash/pause.test.ts',
  'tests/import/hostile-text.test.ts',
  'tests/bench/scale.test.ts',
  'tests/unit/sandbox/data.test.ts',
  'tests/crash/disk.test.ts',
  'tests/unit/sandbox/host.test.ts',
  'tests/crash/branches.test.ts',
  'tests/export/weights.test.ts',
  'tests/export/verify.test.ts',
  'tests/export/bundle.test.ts',
  'tests/fuzz/jsonl.test.ts',
  'tests/fuzz/csv.test.ts',
  'tests/crash/kill.test.ts',
  'tests/learning/orientation.test.ts',
  'tests/crash/seed.test.ts',
  'tests/cli/generate.test.ts',
  'tests/hosts/estimates.test.ts',
  'tests/fuzz/parquet.test.ts',
  'tests/export/verify-hostile.test.ts',
  'tests/cli/score.test.ts',
  'tests/fuzz/config.test.ts',
  'tests/fuzz/adapter.test.ts',
  'tests/cli/shell.test.ts',
  'tests/export/onnx-proof.test.ts',
  'tests/fuzz/tokenizer.test.ts',
  'tests/fuzz/safetensors.test.ts',
  'tests/crash/gate.test.ts',
]

export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { root } = this.ctx.config
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = slow.indexOf(relative(root, moduleId).replaceAll('\\', '/'))
      return at === -1 ? slow.length : at
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}
