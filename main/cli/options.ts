/** Values of options, checked where they are read, so that a command sees only good ones. */
import type { Command } from 'commander'
import { Device, WeightType } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'

export interface Bounds {
  readonly min?: number
  readonly max?: number
  /** `min` itself is too small. */
  readonly above?: number
}

/** Reads a whole number. */
export const integer = (flag: string, bounds: Bounds = {}) => (text: string): number => checked(flag, text, 'a whole number', /^[-+]?\d+$/, bounds)

/** Reads a decimal number. */
export const decimal = (flag: string, bounds: Bounds = {}) => (text: string): number => checked(flag, text, 'a number', /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i, bounds)

function checked(flag: string, text: string, kind: string, form: RegExp, { min = -Infinity, max = Infinity, above = -Infinity }: Bounds): number {
  const value = Number(text)
  if (form.test(text) && value >= min && value <= max && value > above) return value
  const limits = [above > -Infinity && `above ${above}`, min > -Infinity && `of at least ${min}`, max < Infinity && `at most ${max}`].filter(Boolean)
  throw new AppError('bad-arguments', `${flag} should be ${[kind, limits.join(' and ')].filter(Boolean).join(' ')}, not ${JSON.stringify(text)}.`)
}

/** Reads one of a few words. */
export const oneOf = <T extends string>(flag: string, words: readonly T[]) => (text: string): T => {
  const word = words.find((one) => one === text)
  if (word === undefined) throw new AppError('bad-arguments', `${flag} should be one of ${words.join(', ')}, not ${JSON.stringify(text)}.`)
  return word
}

/** Reads "1,2,3". */
export const tokenIds = (flag: string) => (text: string): number[] => text.split(',').map((one) => integer(flag, { min: 0, max: 2 ** 31 - 1 })(one.trim()))

export interface ModelOptions {
  readonly model: string
  readonly adapter?: string
  readonly device: Device
  readonly weights: WeightType
  readonly threads: number
}

/** `--model`, `--adapter`, `--device`, `--weights` and `--threads`, for commands that compute. */
export function addModelOptions(command: Command): Command {
  return command
    .requiredOption('--model <dir>', 'folder of the model in Hugging Face layout')
    .option('--adapter <dir>', 'folder of a PEFT LoRA adapter on top of it')
    .option('--device <name>', Device.options.join(' or '), oneOf('--device', Device.options), 'cpu')
    .option('--weights <type>', `${WeightType.options.join(' or ')} in memory; fp16 on WebGPU only, not yet run on a real graphics card`, oneOf('--weights', WeightType.options), 'fp32')
    .option('--threads <n>', 'CPU threads; 0 = all cores', integer('--threads', { min: 0, max: 1024 }), 0)
}
