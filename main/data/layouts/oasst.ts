/** OpenAssistant message trees: {message_tree_id, prompt: {text, role, rank?, replies: […]}}. */
import type { Message } from '../../../preload/contract/domain.ts'
import type { Fields, Layout, PromptDraft, SftDraft } from '../layout.ts'
import { endingWithUser, has, isFields, refuse, textAt } from '../layout.ts'

const fits = (row: unknown): boolean => has(row, 'message_tree_id', 'prompt') && isFields(row.prompt) && Array.isArray(row.prompt.replies)
const treeId = (row: Fields): { id: string } => ({ id: textAt(row, 'message_tree_id') })

/** The root question and, from there, always the reply that people ranked best; the response is its last answer. */
export const oasst: Layout<SftDraft> = {
  name: 'oasst-trees',
  example: '{"message_tree_id": …, "prompt": {"text": …, "replies": […]}}',
  fits,
  read(row) {
    const tree = row as Fields
    const path = bestPath(tree.prompt as Fields)
    const last = path.findLastIndex((message) => message.role === 'assistant')
    const answer = path[last] ?? refuse('has no answer in its tree')
    return { ...treeId(tree), prompt: endingWithUser(path.slice(0, last)), response: answer.content }
  },
}

export const oasstPrompts: Layout<PromptDraft> = {
  name: 'oasst-trees',
  example: '{"message_tree_id": …, "prompt": {"text": …}}',
  fits,
  read: (row) => ({ ...treeId(row as Fields), prompt: textAt((row as Fields).prompt as Fields, 'text') }),
}

function bestPath(root: Fields): Message[] {
  const path: Message[] = []
  for (let node: Fields | undefined = root; node !== undefined; node = bestReply(node)) {
    path.push({ role: node.role === 'assistant' ? 'assistant' : 'user', content: textAt(node, 'text') })
  }
  return path
}

/** Rank 0 is best; unranked replies come last, in their order; what was deleted or failed review is no reply. */
function bestReply(node: Fields): Fields | undefined {
  const replies = (Array.isArray(node.replies) ? node.replies : []).filter(isFields).filter(isKept)
  return replies.toSorted((a, b) => rankOf(a) - rankOf(b))[0]
}

const isKept = (reply: Fields): boolean => reply.deleted !== true && reply.review_result !== false && typeof reply.text === 'string' && reply.text.trim() !== ''
const rankOf = (reply: Fields): number => (typeof reply.rank === 'number' ? reply.rank : Number.MAX_SAFE_INTEGER)
