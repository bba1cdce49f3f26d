/** What files are read as, and what their columns can mean. Values without a dependency: the page shows them too. */

/** What a run reads files as. */
export const datasetKinds = ['sft', 'prompts', 'tasks'] as const

/** What a file may be read as: a run's data, or pairs that people or other judges ranked. */
export const dataUses = [...datasetKinds, 'preferences'] as const
type DataUse = (typeof dataUses)[number]

/** Where a file's labels lie when they are a file of their own (SIQA's): `train.jsonl` has `train-labels.lst` beside it. */
export const labelsPath = (path: string): string => path.replace(/(\.(jsonl|ndjson|json|csv|tsv))?(\.gz)?$/i, '-labels.lst')

/** What the rows of each use are called. */
export const rowNames = { sft: 'examples', prompts: 'prompts', tasks: 'held-out questions', preferences: 'preference pairs' } as const satisfies Record<DataUse, string>

/** What a column can mean. `input` is Alpaca's second half of the prompt; `messages` holds a whole conversation. */
export const columnRoles = ['id', 'messages', 'system', 'context', 'prompt', 'input', 'response', 'choices', 'answer', 'task', 'chosen', 'rejected'] as const
type ColumnRole = (typeof columnRoles)[number]

/** Which roles each use can give out; what it needs of them is `neededRoles`. */
export const rolesOf = {
  sft: ['id', 'messages', 'system', 'prompt', 'input', 'response'],
  prompts: ['id', 'messages', 'system', 'prompt', 'input', 'answer', 'task'],
  tasks: ['id', 'context', 'prompt', 'choices', 'answer', 'task'],
  preferences: ['id', 'system', 'prompt', 'input', 'chosen', 'rejected'],
} as const satisfies Record<DataUse, readonly ColumnRole[]>

/** Any one of these sets is enough. */
export const neededRoles = {
  sft: [['messages'], ['prompt', 'response']],
  prompts: [['messages'], ['prompt']],
  tasks: [['prompt', 'answer']],
  preferences: [['chosen', 'rejected']],
} as const satisfies Record<DataUse, readonly (readonly ColumnRole[])[]>

/** Can rows be read by these columns? */
export const suffices = (use: DataUse, roles: Readonly<Partial<Record<ColumnRole, string>>>): boolean =>
  neededRoles[use].some((set) => set.every((role: ColumnRole) => roles[role] !== undefined))
