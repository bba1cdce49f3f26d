/** What fp16 weights go with. Whether a graphics adapter has halves is the device's to say (open-model.ts). */
import type { RunConfig } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'

/** @throws AppError 'bad-config' */
export function requireWeights({ weights, device, tuning }: Pick<RunConfig, 'weights' | 'device'> & Partial<Pick<RunConfig, 'tuning'>>): void {
  if (weights === 'fp32') return
  if (device === 'cpu') throw new AppError('bad-config', 'Weights are fp32 on the CPU; choose the device webgpu for fp16 weights, or fp32 weights.')
  if (tuning?.kind === 'full') throw new AppError('bad-config', 'Training every weight needs fp32 weights, since its updates are smaller than what fp16 tells apart; choose fp32 weights, or train a LoRA adapter.')
}
