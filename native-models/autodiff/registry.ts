/** What each op does to gradients: a rule, no gradient at all, or a refusal that says why. */
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Node, Value } from '../onnx/types.ts'

export interface RuleContext {
  readonly b: GraphBuilder
  readonly node: Node
  /** Inputs of the node. */
  readonly x: readonly Value[]
  /** Outputs of the node. */
  readonly y: readonly Value[]
  /** Gradient of the first output. */
  readonly g: Value
  /** Gradients of all outputs; null where nothing flows back. */
  readonly gs: readonly (Value | null)[]
}

/**
 * Per input, how to make its gradient (called only if it is needed), or null where there is none to make.
 * A gradient may still have the broadcast shape: the walker sums it back, once for all rules.
 */
export type Rule = (context: RuleContext) => readonly ((() => Value) | null)[]

export type Entry = Rule | 'no-gradient' | { readonly refuse: string }
export type Rules = Readonly<Record<string, Entry>>
