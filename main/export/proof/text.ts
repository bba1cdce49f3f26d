/** Does a written folder tokenise, begin, end and render as its source? */
import type { ProofCheck } from '../../../preload/contract/requests/export.ts'
import type { SandboxText } from '../../sandbox/host.ts'
import { check } from './proof.ts'
import { conversation, encodeTexts, texts } from './prompts.ts'

export async function compareTexts(source: SandboxText, written: SandboxText): Promise<ProofCheck[]> {
  return [
    await compareTokens(source, written, [false, true]),
    compareEnds(source.info, written.info),
    compareTemplates(await render(source), await render(written)),
  ]
}

/** @param special with (true) and without (false) what the post-processor adds */
export async function compareTokens(source: SandboxText, written: SandboxText, special: readonly boolean[]): Promise<ProofCheck> {
  const encoded = async (text: SandboxText): Promise<(readonly number[] | null)[][]> => Promise.all(special.map((one) => encodeTexts(text, one)))
  const [ours, theirs] = [await encoded(source), await encoded(written)]
  const differing = texts.filter((_, i) => JSON.stringify(ours.map((ids) => ids[i])) !== JSON.stringify(theirs.map((ids) => ids[i])))
  const tokens = ours[0]!.reduce((sum, ids) => sum + (ids?.length ?? 0), 0)
  return check('tokens', differing.length === 0, differing.length === 0 ? `${texts.length} texts become the same ${tokens} tokens.` : `${differing.length} of ${texts.length} texts become other tokens, first ${JSON.stringify(differing[0])}.`)
}

/** Which token begins a text, and which end a response. */
export function compareEnds(source: { readonly bosId: number | null; readonly eosIds: readonly number[] }, written: { readonly bosId: number | null; readonly eosIds: readonly number[] }): ProofCheck {
  const same = source.bosId === written.bosId && source.eosIds.join() === written.eosIds.join()
  const tell = ({ bosId, eosIds }: typeof source): string => `BOS ${bosId ?? 'none'}, EOS ${eosIds.join(', ') || 'none'}`
  return check('BOS and EOS', same, same ? `${tell(source)}.` : `The source has ${tell(source)}; the copy ${tell(written)}.`)
}

/** Null = there is none, or it refuses this conversation. */
export function compareTemplates(source: string | null, written: string | null): ProofCheck {
  const found = source === null && written === null ? 'Neither has a chat template for this conversation.' : source === written ? `A conversation of three messages renders to the same ${source!.length} characters.` : `The source renders ${JSON.stringify(source)}, the copy ${JSON.stringify(written)}.`
  return check('chat template', source === written, found)
}

export async function render(text: SandboxText): Promise<string | null> {
  if (!text.info.hasTemplate) return null
  try {
    return await text.render([...conversation], { addGenerationPrompt: true })
  } catch {
    return null // a template may refuse a conversation, and then does so on both sides
  }
}
