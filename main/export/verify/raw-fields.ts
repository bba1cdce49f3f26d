/**
 * The fields that nothing else in a bundle gives: an alteration of them may pass. All others are recomputed or cross-checked in
 * every row. docs/evidence.md tells the same list with reasons; a test holds both to what alterations really pass.
 */
import type { documents, KindName } from './rows.ts'

/** Settings that no figure follows from, or only as far as they change one. */
const settings = [
  'model', 'threads', 'maxLength', 'checkpointSeconds', 'gate', 'fixedConsistency',
  'data.sft', 'data.sftLimit', 'data.prompts', 'data.promptsLimit', 'data.evaluation.name', 'data.evaluation.file', 'data.evaluation.limit',
  'tuning.r', 'tuning.alpha', 'tuning.dropout', 'tuning.targets', 'device', 'weights',
  ...['sft', 'dpo'].flatMap((phase) => ['warmupRatio', 'weightDecay', 'maxGradNorm', 'beta1', 'beta2', 'epsilon'].map((name) => `${phase}.${name}`)),
  'sft.epochs', 'sft.batchSize', 'dpo.beta', 'sampling.maxNewTokens',
  'consistency.clamp', 'consistency.whenNull', 'consistency.acceptReversed', 'consistency.tieTolerance', 'pairs.chooseTruncated', 'oracle.rewards', 'oracle.negate',
  'evaluation.samplingTemperature', 'evaluation.maxNewTokens', 'evaluation.suffix',
]

type Fields = readonly string[]

/** By file; places in lists are left out. */
export const rawFields: { readonly [Name in KindName | keyof typeof documents]?: Fields } = {
  run: settings.map((name) => `config.${name}`),
  environment: ['node', 'platform', 'arch', 'cpu', 'cores'],
  models: ['sha256'],
  iterations: settings.map((name) => `settings.${name}`),
  prompts: ['sourceId', 'tokens', 'task'],
  responses: ['sampling.maxNewTokens', 'finishReason'],
  'outside-rewards': ['reward'],
  'ranking-sets': ['currentTolerance', 'previousTolerance', 'rewardTolerance'],
  sessions: ['line', 'startedAt', 'closedAt'],
  verdicts: ['verdict', 'elapsedMs', 'note', 'createdAt'],
  'human-rankings': ['ordering', 'elapsedMs', 'note', 'createdAt'],
  gates: ['minConsistency', 'minMargin', 'reason', 'asOf', 'decidedAt'],
  'training-steps': ['tokens', 'elapsedMs', 'metrics.loss', 'metrics.grad_norm', 'metrics.rewards/accuracies', 'metrics.logps/chosen', 'metrics.logps/rejected'],
  answers: ['extracted', 'finishReason'],
}

/** These too in a bundle without texts: there their texts follow. */
export const rawWithoutTexts: typeof rawFields = {
  prompts: ['inputSha256', 'hasAnswer'],
  responses: ['textSha256', 'isCorrect'],
  answers: ['textSha256', 'isCorrect'],
}
