/** OpenAssistant message trees: {message_tree_id, prompt: {text, role, rank?, replies: […]}}. */
import type { Message } from '../../../preload/contract/domain.ts'
import type { Fields, Layout, PreferenceDraft, PromptDraft, SftDraft } from '../layout.ts'
import { endingWithUser, has, isFields, refuse, textAt } from '../layout.ts'

const fits = (row: unknown): boolean => has(row, 'message_tree_id', 'prompt') && isFields(row.prompt) && Array.isArray(row.prompt.replies)
const treeId = (row: Fields): { id: string } => ({ id: textAt(row, 'message_tree_id') })

/** The root question and, from there, always the reply that people ranked best; the response is its last answer. */
export const oasst: Layout<SftDraft> = {
  name: 'oasst-trees',
  roles: { id: 'message_tree_id', prompt: 'prompt' },
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
  roles: { id: 'message_tree_id', prompt: 'prompt' },
  example: '{"message_tree_id": …, "prompt": {"text": …}}',
  fits,
  read: (row) => ({ ...treeId(row as Fields), prompt: textAt((row as Fields).prompt as Fields, 'text') }),
}

/** Of every message whose answers people ranked: each answer beside each that ranks below it. */
export const oasstPreferences: Layout<PreferenceDraft> = {
  name: 'oasst-trees',
  example: '{"message_tree_id": …, "prompt": {"text": …, "replies": [{"rank": 0, …}, {"rank": 1, …}]}}',
  roles: { id: 'message_tree_id', prompt: 'prompt' },
  fits,
  read(row) {
    const tree = row as Fields
    const { id } = treeId(tree)
    const pairs: PreferenceDraft[] = []
    const open: { node: Fields; path: Message[] }[] = [{ node: tree.prompt as Fields, path: [] }]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { node } = next
      const path = [...next.path, messageOf(node)]
      const replies = repliesOf(node)
      const ranked = replies.filter((reply) => reply.role === 'assistant' && typeof reply.rank === 'number')
      const promptId = path.length === 1 ? id : `${id}:${typeof node.message_id === 'string' ? node.message_id : pairs.length}`
      for (const [i, better] of ranked.entries()) {
        for (const worse of ranked.slice(i + 1)) {
          if (better.rank !== worse.rank) pairs.push({ promptId, prompt: endingWithUser(path), chosen: textAt(better, 'text'), rejected: textAt(worse, 'text') })
        }
      }
      open.push(...replies.map((reply) => ({ node: reply, path })))
      if (path.length > 200) refuse('has a branch of more than 200 messages')
    }
    return pairs.length === 0 ? refuse('has no two answers that people ranked') : pairs
  },
}

function bestPath(root: Fields): Message[] {
  const path: Message[] = []
  for (let node: Fields | undefined = root; node !== undefined; node = repliesOf(node)[0]) path.push(messageOf(node))
  return path
}

const messageOf = (node: Fields): Message => ({ role: node.role === 'assistant' ? 'assistant' : 'user', content: textAt(node, 'text') })

/** Rank 0 is best; unranked replies come last, in their order; what was deleted or failed review is no reply. */
function repliesOf(node: Fields): Fields[] {
  return (Array.isArray(node.replies) ? node.replies : []).filter(isFields).filter(isKept).toSorted((a, b) => rankOf(a) - rankOf(b))
}

const isKept = (reply: Fields): boolean => reply.deleted !== true && reply.review_result !== false && typeof reply.text === 'string' && reply.text.trim() !== ''
const rankOf = (reply: Fields): number => (typeof reply.rank === 'number' ? reply.rank : Number.MAX_SAFE_INTEGER)
