/** A person's order of responses: groups of places, best first; those of one group stand equal. Every change gives a new order. */

export type Order = readonly (readonly number[])[]

/** Each alone, as they were shown. */
export const asShown = (responses: number): Order => Array.from({ length: responses }, (_, i) => [i])

/** Is it an order of exactly these responses? What a draft of an earlier visit has to pass. */
export const isOrderOf = (order: unknown, responses: number): order is Order =>
  Array.isArray(order) && order.every((group) => Array.isArray(group) && group.length > 0) && JSON.stringify(order.flat().sort((a: number, b: number) => a - b)) === JSON.stringify(asShown(responses).flat())

export interface Standing {
  readonly response: number
  /** From 1; equals share the place of their first: 1, 2, 2, 4. */
  readonly place: number
  /** Stands equal with the one above it. */
  readonly tied: boolean
}

/** From best to worst. */
export function standings(order: Order): Standing[] {
  let before = 0
  return order.flatMap((group) => {
    const place = before + 1
    before += group.length
    return group.map((response, i) => ({ response, place, tied: i > 0 }))
  })
}

/** One up or down: out of its group first, then past the whole next group. */
export function move(order: Order, response: number, by: -1 | 1): Order {
  const at = order.findIndex((group) => group.includes(response))
  const group = order[at]!
  if (group.length > 1) return order.toSpliced(at, 1, ...(by < 0 ? [[response], without(group, response)] : [without(group, response), [response]]))
  if (order[at + by] === undefined) return order
  return order.toSpliced(at, 1).toSpliced(at + by, 0, group)
}

/** To a place counted from 1, alone; a place within a group is the one before it, a place past the end the last. */
export function putAt(order: Order, response: number, place: number): Order {
  const others = order.map((group) => without(group, response)).filter((group) => group.length > 0)
  let before = 0
  const at = others.findIndex((group) => (before += group.length) >= place)
  return others.toSpliced(at < 0 ? others.length : at, 0, [response])
}

/** Makes it equal with the one above it, or no longer. */
export function tieWithAbove(order: Order, response: number): Order {
  const at = order.findIndex((group) => group.includes(response))
  const [group, above] = [order[at]!, order[at - 1]]
  const within = group.indexOf(response)
  if (within > 0) return order.toSpliced(at, 1, group.slice(0, within), group.slice(within))
  return above ? order.toSpliced(at - 1, 2, [...above, ...group]) : order
}

const without = (group: readonly number[], response: number): number[] => group.filter((one) => one !== response)
