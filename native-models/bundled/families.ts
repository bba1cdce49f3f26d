/** The four checkable families of the bundled model's small world: what is asked, what is right, and how one errs. */
import type { Random } from './random.ts'

export const families = ['sum', 'pick', 'sort', 'reverse'] as const
export type Family = (typeof families)[number]

export interface Question {
  family: Family
  /** What is asked, whatever the phrasing: two questions with one key have one answer. Held-out is decided by key. */
  key: string
  prompt: string
  answer: string
  /** Where most people slip (a carry, "smallest" read as "largest", …): the habitual mistake is likelier here. */
  hard: boolean
  /** The mistake this family makes by habit. Never the answer. */
  habit: string
  /** Any other mistake. Never the answer. */
  slip(random: Random): string
}

export function drawQuestion(family: Family, random: Random): Question {
  switch (family) {
    case 'sum':
      return drawSum(random)
    case 'pick':
      return drawPick(random)
    case 'sort':
      return drawSort(random)
    case 'reverse':
      return drawReverse(random)
  }
}

/** Two-digit sums. Habit: the carry is forgotten (or made up where there is none). Slip: off by one, two or twenty. */
function drawSum(random: Random): Question {
  const a = random.integer(10, 99)
  const b = random.integer(10, 99)
  const sum = a + b
  const carries = (a % 10) + (b % 10) >= 10
  return {
    family: 'sum',
    key: `sum:${Math.min(a, b)}+${Math.max(a, b)}`,
    prompt: random.pick([`${a}+${b}?`, `Add ${a} and ${b}.`]),
    answer: String(sum),
    hard: carries,
    habit: String(carries ? sum - 10 : sum + 10),
    slip: (slips) => String(sum + slips.pick([-2, -1, 1, 2, carries ? 10 : -10])),
  }
}

const letters = ['A', 'B', 'C', 'D'] as const

/** Four lettered digits; which letter has the largest or smallest? Habit: the other extreme. */
function drawPick(random: Random): Question {
  const digits = random.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).slice(0, letters.length)
  const largest = random.uniform() < 0.5
  const atLargest = letters[digits.indexOf(Math.max(...digits))] as string
  const atSmallest = letters[digits.indexOf(Math.min(...digits))] as string
  const answer = largest ? atLargest : atSmallest
  const word = largest ? random.pick(['Largest', 'Max']) : random.pick(['Smallest', 'Min'])
  return {
    family: 'pick',
    key: `pick:${largest ? 'max' : 'min'} ${digits.join('')}`,
    prompt: `${word}? ${letters.map((letter, i) => `${letter}${digits[i]}`).join(' ')}`,
    answer,
    hard: !largest,
    habit: largest ? atSmallest : atLargest,
    slip: (slips) => slips.pick(letters.filter((letter) => letter !== answer)),
  }
}

const alphabet = [...'abcdefghijklmnopqrstuvwxyz']

function drawWord(random: Random): string[] {
  return random.shuffle(alphabet).slice(0, 4)
}

/** Four letters in alphabetical order. Habit: the last two stay as they came, or are swapped if that was right. */
function drawSort(random: Random): Question {
  const word = drawWord(random)
  const sorted = word.toSorted()
  const [p, q, r, s] = sorted as [string, string, string, string]
  return {
    family: 'sort',
    key: `sort:${word.join('')}`,
    prompt: random.pick([`Sort ${word.join('')}.`, `Order ${word.join('')}.`]),
    answer: sorted.join(''),
    hard: word.indexOf(s) < word.indexOf(r),
    habit: p + q + s + r,
    slip: (slips) => otherOrder(sorted, slips),
  }
}

/** Four letters backwards. Habit: the middle two keep their order. */
function drawReverse(random: Random): Question {
  const word = drawWord(random)
  const [p, q, r, s] = word as [string, string, string, string]
  return {
    family: 'reverse',
    key: `reverse:${word.join('')}`,
    prompt: random.pick([`Reverse ${word.join('')}.`, `Backwards ${word.join('')}.`]),
    answer: s + r + q + p,
    hard: q < r,
    habit: s + q + r + p,
    slip: (slips) => otherOrder([s, r, q, p], slips),
  }
}

/** The right order with two neighbours swapped. */
function otherOrder(right: readonly string[], random: Random): string {
  const at = random.integer(0, right.length - 2)
  const out = [...right]
  out[at] = right[at + 1] as string
  out[at + 1] = right[at] as string
  return out.join('')
}
