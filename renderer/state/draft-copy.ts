/** The copy of its model, merged with its adapter where there is one, that a planned project asks for. */
import { draft } from './draft.svelte.ts'
import type { Workbench } from './workbench.svelte.ts'

/** Asked for again where one was asked for (the page was left or reloaded), it waits for the same copy. What was chosen meanwhile stays. */
export async function takeCopy(workbench: Workbench): Promise<void> {
  const { model, adapter } = draft.value
  if (!model) return
  draft.change({ isTaking: true })
  const copy = await workbench.attempt(() => workbench.ask('model/import', { folder: model.handle, ...(adapter && { adapter: adapter.handle }) }))
  if (draft.value.model !== model || draft.value.adapter !== adapter) return
  const name = adapter ? `${model.name} with ${adapter.name}` : `${model.name} (copy)`
  draft.change({ isTaking: false, ...(copy && { model: { handle: copy.folder, name, isCopy: true }, adapter: null }) })
}
