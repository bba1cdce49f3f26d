/** Does it fit? A sentence, never a bar. */
import type { Fit, FitVerdict } from '../../../preload/contract/requests/estimate.ts'

/** From here on other programs, or an estimate that is a quarter off, may make the difference. */
const TIGHT = 0.8

/** `what`: "memory" … ; `advice`: what to do when it does not fit. */
export function verdictOf(what: string, needed: number, available: number | null, advice: string): FitVerdict {
  if (available === null) return { fit: 'unknown', sentence: `The run needs about ${size(needed)} of ${what}; nothing here tells how much there is.` }
  const figures = `about ${size(needed)} of ${what}, and ${size(available)} are free`
  if (needed > available) return { fit: 'does-not-fit', sentence: `The run needs ${figures}: it does not fit. ${advice}` }
  if (needed > TIGHT * available) return { fit: 'tight', sentence: `The run needs ${figures}: that is tight. Close other programs, or: ${advice.charAt(0).toLowerCase()}${advice.slice(1)}` }
  return { fit: 'fits', sentence: `The run needs ${figures}.` }
}

const order: readonly Fit[] = ['fits', 'unknown', 'tight', 'does-not-fit']

export const worse = (a: FitVerdict, b: FitVerdict): FitVerdict => (order.indexOf(b.fit) > order.indexOf(a.fit) ? b : a)

export const size = (bytes: number): string => (bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`)
