/** The same training in TRL's words, as far as TRL has words for it. */
import type { Optimisation, RunConfig } from '../../preload/contract/config.ts'
import type { LineageRound } from './source.ts'

/** Python that configures what TRL can of these rounds, and sentences for what it cannot. */
export function trlOf(rounds: readonly LineageRound[]): { readonly python: string; readonly missing: readonly string[] } {
  const tuning = rounds.at(-1)?.config.tuning
  const adapter = tuning?.kind === 'lora' ? [`peft_config = LoraConfig(r=${tuning.r}, lora_alpha=${tuning.alpha}, lora_dropout=${tuning.dropout ?? '0.0'}, target_modules=${JSON.stringify(tuning.targets)}, task_type="CAUSAL_LM")`] : []
  const python = ['from trl import DPOConfig, SFTConfig', ...(adapter.length > 0 ? ['from peft import LoraConfig', ''] : ['']), ...adapter, ...rounds.map(configOf)].join('\n')
  return { python, missing: [...new Set(rounds.flatMap(missingOf))] }
}

function configOf({ t, makes, config, trainedC }: LineageRound): string {
  const name = makes.replace('·', '_')
  if (t === 0) return `${name} = SFTConfig(output_dir="${name}", ${optimisationOf(config, config.sft)}, completion_only_loss=True)`
  const smoothing = trainedC === null ? null : 1 - trainedC
  const label = smoothing !== null && smoothing > 0 && smoothing < 0.5 ? `, label_smoothing=${Number(smoothing.toFixed(6))}` : ''
  return `${name} = DPOConfig(output_dir="${name}", ${optimisationOf(config, config.dpo)}, loss_type="sigmoid", beta=${config.dpo.beta}${label})`
}

function optimisationOf({ seed, maxLength }: RunConfig, { epochs, learningRate, batchSize, schedule, warmupRatio, weightDecay, maxGradNorm, beta1, beta2, epsilon }: Optimisation): string {
  const given = {
    num_train_epochs: epochs, learning_rate: learningRate, per_device_train_batch_size: batchSize, lr_scheduler_type: JSON.stringify(schedule), warmup_ratio: warmupRatio, weight_decay: weightDecay,
    max_grad_norm: maxGradNorm, adam_beta1: beta1, adam_beta2: beta2, adam_epsilon: epsilon, max_length: maxLength, seed,
  }
  return Object.entries(given).map(([key, value]) => `${key}=${value}`).join(', ')
}

function missingOf({ t, makes, config, labels, trainedC, gate }: LineageRound): string[] {
  if (t === 0) return []
  const found = ['TRL does not sample and rank a model\'s own responses by its implicit reward: its trainer starts from the pairs, which the export "preference data" holds.']
  if (config.method === 'cream-dyn') found.push(`${makes}: every pair had a label smoothing of its own (1 − C of its prompt); DPOConfig has one for all, their mean.`)
  if (trainedC !== null && trainedC <= 0.5) found.push(`${makes}: the mean C was ${trainedC.toFixed(3)}; TRL refuses a label_smoothing of 0.5 or more, so none stands above.`)
  if (labels && labels.person > 0) found.push(`${makes}: ${labels.person} labels are a person's, with C = 0.95, beside the judge's own C; TRL knows no label sources.`)
  if (gate && gate.choice !== 'skip' && gate.choice !== 'not-audited') found.push(`${makes}: a person decided at a gate before training; TRL has none.`)
  return found
}
