/** Every setting of a run as a form shows it: what it is called, what it does, how to read and write it. */
import type { RunSettings } from '../../../preload/contract/requests/run.ts'
import { firstRuleTerms, methodTerms, optionsOf, statisticTerms } from '../../state/terms.ts'

type Value = number | string | boolean

export interface SettingField {
  /** The setting group it belongs to: that is what main takes and fixes. */
  readonly group: keyof RunSettings
  readonly label: string
  /** What it does, and what is usual. */
  readonly hint: string
  readonly kind: 'number' | 'choice' | 'check'
  readonly options?: readonly { readonly value: string; readonly label: string; readonly hint?: string }[]
  /** What the number has to exceed. */
  readonly above?: number
  readonly min?: number
  readonly max?: number
  /** Any number where left out; 1 = whole numbers. */
  readonly step?: number
  readonly read: (settings: RunSettings) => Value | null
  /** The group's new value. */
  readonly write: (settings: RunSettings, value: Value) => RunSettings[keyof RunSettings]
}

export interface SettingSection {
  readonly title: string
  /** Folded away at first. */
  readonly isAdvanced?: boolean
  readonly fields: readonly SettingField[]
}

/** A field that is one key of a group. */
function within<Group extends keyof RunSettings, Key extends keyof RunSettings[Group] & string>(group: Group, key: Key, field: Omit<SettingField, 'group' | 'read' | 'write'>): SettingField {
  return {
    ...field, group,
    read: (settings) => settings[group][key] as Value,
    write: (settings, value) => ({ ...(settings[group] as object), [key]: value }) as RunSettings[Group],
  }
}

/** A field that is the whole group. */
const whole = <Group extends keyof RunSettings>(group: Group, field: Omit<SettingField, 'group' | 'read' | 'write'>): SettingField => ({ ...field, group, read: (settings) => settings[group] as Value, write: (_, value) => value as RunSettings[Group] })

/** A field of LoRA; null while every weight is trained. */
const lora = (key: 'r' | 'alpha' | 'dropout', field: Omit<SettingField, 'group' | 'read' | 'write'>): SettingField => ({
  ...field, group: 'tuning',
  read: ({ tuning }) => (tuning.kind === 'lora' ? (tuning[key] ?? 0) : null),
  write: ({ tuning }, value) => (tuning.kind === 'lora' ? { ...tuning, [key]: Number(value) } : tuning),
})

const adapter: Extract<RunSettings['tuning'], { kind: 'lora' }> = { kind: 'lora', r: 16, alpha: 32, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] }

const schedules = [{ value: 'cosine', label: 'cosine' }, { value: 'linear', label: 'linear' }, { value: 'constant', label: 'constant' }]

const optimisation = (group: 'sft' | 'dpo'): SettingField[] => [
  within(group, 'schedule', { label: 'Schedule', hint: 'How the learning rate falls after the warm-up.', kind: 'choice', options: schedules }),
  within(group, 'warmupRatio', { label: 'Warm-up', hint: 'Share of the steps in which the rate rises from 0; .1 is usual.', kind: 'number', min: 0, max: 1 }),
  within(group, 'weightDecay', { label: 'Weight decay', hint: 'Not on norms and biases; .01 is usual.', kind: 'number', min: 0 }),
  within(group, 'maxGradNorm', { label: 'Gradient clip', hint: 'A longer gradient is shortened to this norm; 1 is usual.', kind: 'number', above: 0 }),
]

export const sections: readonly SettingSection[] = [
  {
    title: 'The loop',
    fields: [
      whole('method', { label: 'Method', hint: 'How much a label is trusted when the two judges disagree.', kind: 'choice', options: optionsOf(methodTerms) }),
      whole('iterations', { label: 'Rounds', hint: 'Each samples, judges and trains once; the prompts are shared out evenly. 2 gives M0 to M3.', kind: 'number', min: 1, max: 20, step: 1 }),
      within('sampling', 'responses', { label: 'Responses a prompt (N)', hint: 'More make rankings finer and sampling slower; the paper takes 5.', kind: 'number', min: 2, max: 64, step: 1 }),
      within('sampling', 'maxNewTokens', { label: 'Longest response (tokens)', hint: 'A response that reaches this is cut short, and may not be chosen.', kind: 'number', min: 1, step: 1 }),
      whole('maxLength', { label: 'Context (tokens)', hint: 'Prompt and response together; memory grows with it.', kind: 'number', min: 8, step: 1 }),
    ],
  },
  {
    title: 'Training',
    fields: [
      { group: 'tuning', label: 'What is trained', hint: 'A LoRA adapter needs far less memory; full training changes every weight.', kind: 'choice', options: [{ value: 'lora', label: 'a LoRA adapter' }, { value: 'full', label: 'every weight' }], read: ({ tuning }) => tuning.kind, write: ({ tuning }, value) => (value === tuning.kind ? tuning : value === 'lora' ? adapter : { kind: 'full' }) },
      lora('r', { label: 'LoRA rank', hint: 'Size of the adapter; 8 to 64 is usual.', kind: 'number', min: 1, max: 1024, step: 1 }),
      lora('alpha', { label: 'LoRA alpha', hint: 'Its weight is alpha ÷ rank; twice the rank is usual.', kind: 'number', above: 0 }),
      lora('dropout', { label: 'LoRA dropout', hint: 'Share of what the adapter reads that each step of SFT leaves out; 0 is none, the paper takes .1.', kind: 'number', min: 0, max: 0.9 }),
      within('sft', 'epochs', { label: 'SFT epochs', hint: 'Times over the examples; too many over-fit, and the rewards lose their signal.', kind: 'number', above: 0 }),
      within('sft', 'learningRate', { label: 'SFT learning rate', hint: 'LoRA: about 1e-4; every weight: about 5e-6.', kind: 'number', above: 0 }),
      within('sft', 'batchSize', { label: 'SFT batch', hint: 'Examples a step.', kind: 'number', min: 1, step: 1 }),
      within('dpo', 'learningRate', { label: 'DPO learning rate', hint: 'LoRA: about 2e-5; every weight: about 1e-6. Ten times too high destroys every method.', kind: 'number', above: 0 }),
      within('dpo', 'batchSize', { label: 'DPO batch', hint: 'Pairs a step.', kind: 'number', min: 1, step: 1 }),
      within('dpo', 'beta', { label: 'DPO β', hint: 'How tightly the model is held to its start; .1 is usual.', kind: 'number', above: 0 }),
    ],
  },
  {
    title: 'Judging and sampling', isAdvanced: true,
    fields: [
      within('consistency', 'statistic', { label: 'Agreement', hint: 'How two rankings of the same responses are compared.', kind: 'choice', options: optionsOf(statisticTerms) }),
      within('consistency', 'firstIterationRule', { label: 'Judges of round 1', hint: "M0's reward is 0, so round 1 needs a rule.", kind: 'choice', options: optionsOf(firstRuleTerms) }),
      within('consistency', 'clamp', { label: 'Hold C at .5 or more', hint: 'Below .5 a pair would train the reversed preference.', kind: 'check' }),
      within('consistency', 'whenNull', { label: 'Pairs without a C', hint: 'Where a judge ranks everything alike.', kind: 'choice', options: [{ value: 'mean', label: 'take the mean' }, { value: 'skip', label: 'are left out' }] }),
      whole('fixedConsistency', { label: 'Fixed C', hint: 'Only for the method of that name.', kind: 'number', min: 0, max: 1 }),
      within('pairs', 'chooseTruncated', { label: 'Cut responses may be chosen', hint: 'Off: only responses that ended by themselves.', kind: 'check' }),
      within('sampling', 'samplingTemperature', { label: 'Sampling temperature', hint: 'Higher is more varied; the paper takes .8.', kind: 'number', above: 0 }),
      within('sampling', 'topP', { label: 'Top-p', hint: 'Only the likeliest tokens of this total probability are drawn from; 1 = all.', kind: 'number', above: 0, max: 1 }),
      within('sampling', 'topK', { label: 'Top-k', hint: 'Only the k likeliest tokens are drawn from; 0 = all.', kind: 'number', min: 0, step: 1 }),
    ],
  },
  { title: 'SFT in detail', isAdvanced: true, fields: optimisation('sft') },
  { title: 'DPO in detail', isAdvanced: true, fields: [within('dpo', 'epochs', { label: 'DPO epochs', hint: 'Times over the pairs; the paper takes 1.', kind: 'number', above: 0 }), ...optimisation('dpo')] },
  {
    title: 'Evaluation', isAdvanced: true,
    fields: [
      within('evaluation', 'scorer', { label: 'Scorer', hint: 'How an answer is found in a response; scorers are never compared with each other.', kind: 'choice', options: [{ value: 'strict', label: 'strict: after "Answer:" only' }, { value: 'cream', label: 'cream: as released, with fallbacks' }, { value: 'exact', label: 'exact: the whole response' }] }),
      within('evaluation', 'samples', { label: 'Sampled answers a question', hint: 'Beside the greedy one; 0 = greedy only.', kind: 'number', min: 0, step: 1 }),
      within('evaluation', 'maxNewTokens', { label: 'Longest answer (tokens)', hint: 'Cut beyond.', kind: 'number', min: 1, step: 1 }),
    ],
  },
  {
    title: 'The machine', isAdvanced: true,
    fields: [
      whole('device', { label: 'Device', hint: 'WebGPU uses the graphics card through ONNX Runtime.', kind: 'choice', options: [{ value: 'cpu', label: 'CPU' }, { value: 'webgpu', label: 'WebGPU' }] }),
      whole('weights', { label: 'Weights in memory', hint: 'fp16 halves their room, on WebGPU and with a LoRA adapter; not yet run on a real graphics card. Exports are made from the original files.', kind: 'choice', options: [{ value: 'fp32', label: 'fp32' }, { value: 'fp16', label: 'fp16 (unverified)' }] }),
      whole('threads', { label: 'Threads', hint: '0 = as many as there are cores.', kind: 'number', min: 0, step: 1 }),
      whole('checkpointSeconds', { label: 'Seconds between checkpoints', hint: 'A crash loses at most this much work, and none of the result.', kind: 'number', above: 0 }),
      whole('seed', { label: 'Seed', hint: 'The same seed gives the same run, to the last bit on the same machine.', kind: 'number', min: 0, max: 2 ** 32 - 1, step: 1 }),
      whole('gate', { label: 'Spot-check on the command line', hint: 'The workbench always asks before training; this is for runs without it.', kind: 'choice', options: [{ value: 'skip', label: 'skip it (the card says "not audited")' }, { value: 'require', label: 'require it' }] }),
    ],
  },
]

/** Of these groups, in the order of the form. */
export const fieldsOf = (groups: readonly (keyof RunSettings)[]): SettingField[] => sections.flatMap(({ fields }) => fields).filter(({ group }) => groups.includes(group))

/** Why a number cannot be taken, as a sentence; null when it can. */
export function problemOf({ label, above, min, max, step }: SettingField, value: number): string | null {
  if (!Number.isFinite(value)) return `${label} needs a number.`
  if (step === 1 && !Number.isInteger(value)) return `${label} needs a whole number.`
  if (above !== undefined && value <= above) return `${label} is above ${above}.`
  if (min !== undefined && value < min) return `${label} is at least ${min}.`
  if (max !== undefined && value > max) return `${label} is at most ${max}.`
  return null
}
