/** Conversations: [{role, content}], ShareGPT's [{from, value}], CREAM's {uuid: [user, assistant]}. The response is the last message; what stands before is the prompt. */
import type { Fields, Layout, PromptDraft, SftDraft } from '../layout.ts'
import { answered, asked, has, isBlank, messagesAt, ownId, textAt } from '../layout.ts'

const keys = [
  { name: 'messages', key: 'messages', example: '{"messages": [{"role": "user", "content": …}, {"role": "assistant", "content": …}]}' },
  { name: 'sharegpt', key: 'conversations', example: '{"conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}]}' },
  { name: 'cream', key: 'turns', example: '{"<uuid>": [user, assistant]}' },
] as const

const formOf = ({ name, key, example }: (typeof keys)[number]) => ({
  name, example, roles: { messages: key, ...(key === 'conversations' && { system: 'system' }) },
  fits: (row: unknown) => has(row, key) && Array.isArray(row[key]),
})

/** LLaMA-Factory writes the system message into a column of its own. */
function conversationOf(row: Fields, key: string) {
  const messages = messagesAt(row, key)
  return isBlank(row.system) || messages[0]?.role === 'system' ? messages : [{ role: 'system' as const, content: textAt(row, 'system') }, ...messages]
}

export const conversations: Layout<SftDraft>[] = keys.map((form) => ({
  ...formOf(form), read: (row) => ({ ...ownId(row as Fields), ...answered(conversationOf(row as Fields, form.key)) }),
}))

/** The same rows as prompts: a final answer of the assistant is left out. */
export const conversationPrompts: Layout<PromptDraft>[] = keys.map((form) => ({
  ...formOf(form), read: (row) => ({ ...ownId(row as Fields), prompt: asked(conversationOf(row as Fields, form.key)) }),
}))
