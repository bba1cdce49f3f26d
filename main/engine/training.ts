/** What a training in progress holds. */
import type { ModelSpec } from '../../native-models/training/graphs.ts'
import type { TensorSpec } from '../../native-models/families/tables.ts'
import type { LoadedModel } from './models.ts'
import type { Place, TrainingParams } from './protocol.ts'
import type { Tensors } from './sessions.ts'

export interface Training {
  readonly params: TrainingParams
  readonly place: Place
  readonly model: LoadedModel
  readonly spec: ModelSpec
  readonly trainable: readonly TensorSpec[]
  /** What is trained, its first and second moments, and the gradient sums: by name, on the device. */
  readonly values: Tensors
  readonly m: Tensors
  readonly v: Tensors
  sums: Tensors
  /** The sums are zero: no step is under way, or was broken off. */
  settled: boolean
  /** Optimiser steps taken. */
  step: number
}
