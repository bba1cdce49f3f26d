/** Conversations as [{role, content}]. The response is the last message, which has to be the assistant's; what stands before is the prompt. */
import type { Fields, Layout, PromptDraft, SftDraft } from '../layout.ts'
import { endingWithUser, has, messagesAt, ownId, refuse } from '../layout.ts'

export const messages: Layout<SftDraft> = {
  name: 'messages',
  example: '{"messages": [{"role": "user", "content": …}, {"role": "assistant", "content": …}]}',
  fits: (row) => has(row, 'messages'),
  read(row) {
    const conversation = messagesAt(row as Fields, 'messages')
    const last = conversation.at(-1)
    if (last?.role !== 'assistant') refuse('does not end with a message of the assistant')
    if (last.content.trim() === '') refuse('has an empty answer')
    return { ...ownId(row as Fields), prompt: endingWithUser(conversation.slice(0, -1)), response: last.content }
  },
}

/** The same rows as prompts: a final answer of the assistant is left out. */
export const messagePrompts: Layout<PromptDraft> = {
  name: 'messages',
  example: '{"messages": [{"role": "user", "content": …}]}',
  fits: (row) => has(row, 'messages'),
  read(row) {
    const conversation = messagesAt(row as Fields, 'messages')
    const asked = conversation.at(-1)?.role === 'assistant' ? conversation.slice(0, -1) : conversation
    return { ...ownId(row as Fields), prompt: endingWithUser(asked) }
  },
}
