/** The method's terms (METHOD §9) in plain words: names for controls, and a gloss for whoever meets them first. */
import type { FinishReason, FirstIterationRule, Method, NullReason, SkipReason, Statistic } from '../../preload/contract/domain.ts'
import type { AgreementView } from '../../preload/contract/requests/rank.ts'

interface Term {
  readonly label: string
  /** What it means, as a sentence. */
  readonly hint: string
}

/** As the options of a control; `values` where not all of them are offered. */
export const optionsOf = <Value extends string>(terms: Readonly<Record<Value, Term>>, values: readonly Value[] = Object.keys(terms) as Value[]): ({ value: Value } & Term)[] => values.map((value) => ({ value, ...terms[value] }))

export const statisticTerms: Readonly<Record<Statistic, Term>> = {
  'tau-b': { label: 'Kendall τ-b', hint: 'Pairs of responses in the same order minus pairs in the opposite order; ties are taken out of the count.' },
  'tau-a': { label: 'Kendall τ-a', hint: "The paper's formula: as τ-b, but a tie counts as half an agreement." },
  spearman: { label: 'Spearman ρ', hint: 'Correlation of the two lists of ranks: large moves weigh more.' },
  toporder: { label: 'TopOrder', hint: '1 if both judges name the same best and the same worst response, otherwise −1 (C = 1 or 0).' },
}

export const methodTerms: Readonly<Record<Method, Term>> = {
  'cream-avg': { label: 'average C', hint: "Every pair trains with the mean C of all prompts: the paper's default." },
  'cream-dyn': { label: 'C per prompt', hint: 'Each pair trains with the C of its own prompt.' },
  'fixed-c': { label: 'fixed C', hint: 'Every pair trains with one C that you set, whatever the judges say.' },
  srlm: { label: 'SRLM', hint: 'C = 1 for every pair: plain DPO, nothing is softened. The baseline CREAM is compared with.' },
  oracle: { label: 'oracle', hint: 'Chosen and rejected come from rewards outside the model.' },
}

export const firstRuleTerms: Readonly<Record<FirstIterationRule, Term>> = {
  'mean-logps': { label: 'mean log-likelihood', hint: 'Both judges rank by mean log-likelihood when C is measured; pairs still follow the reward log M1/M0.' },
  'reference-code': { label: 'reference code', hint: "As the paper's code does: M1 ranks by log M1/M0, M0 by its mean log-likelihood. The two are opposed by construction, so C comes out low." },
}

/** What a judge ranks by. */
export const measureTerms: Readonly<Record<AgreementView['current']['measure'], string>> = { 'log-ratio': 'reward log π/M0', 'mean-logps': 'mean log-likelihood' }

export const skipTerms: Readonly<Record<SkipReason, Term>> = {
  'prompt-too-long': { label: 'prompt too long', hint: 'The prompt leaves no room for an answer in the context.' },
  'too-few-distinct': { label: 'one answer only', hint: 'All responses are the same text, so there is nothing to prefer.' },
  'rewards-tied': { label: 'rewards tied', hint: 'The best and the worst reward differ by no more than the tie tolerance.' },
  'chosen-truncated': { label: 'best is cut short', hint: 'Every candidate for chosen ended by length, not by itself.' },
  'no-consistency': { label: 'no C', hint: 'C cannot be measured here, and this run leaves such prompts out.' },
  'no-reward': { label: 'no reward', hint: 'The outside judge gave no reward for these responses.' },
}

export const nullTerms: Readonly<Record<NullReason, Term>> = {
  'current-constant': { label: 'current judge ties all', hint: 'The current judge gives every response the same value.' },
  'previous-constant': { label: 'previous judge ties all', hint: 'The previous judge gives every response the same value.' },
  'too-few-distinct': { label: 'one answer only', hint: 'All responses are the same text: there is no order to compare.' },
}

export const finishTerms: Readonly<Record<FinishReason, Term>> = {
  eos: { label: 'ended by itself', hint: 'The model wrote its end-of-text token.' },
  length: { label: 'cut short', hint: 'The response reached the limit of new tokens, or the end of the context.' },
}

/** '✓ right · ended by itself · sampled 2 times': what is known of a response besides its text. */
export const responseFacts = ({ isCorrect, finishReason }: { readonly isCorrect: boolean | null; readonly finishReason: FinishReason }, ...more: readonly (string | false)[]): string =>
  [isCorrect !== null && (isCorrect ? '✓ right' : '✗ wrong'), finishTerms[finishReason].label, ...more].filter(Boolean).join(' · ')
