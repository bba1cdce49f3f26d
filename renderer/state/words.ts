/** Figures as people read them. */

/** '4 s', '3 min', '2 h 10 min'. @param seconds not negative */
export function duration(seconds: number): string {
  if (seconds < 0.95) return `${seconds.toFixed(1)} s`
  if (seconds < 90) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60]
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Decimal units, three digits: '1.24 GB'. */
export function bytes(count: number): string {
  const power = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3))
  const value = count / 1000 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toPrecision(3)} ${units[power]}`
}

/** '12 400' with a thin space: read the same in every country. */
export const whole = (count: number): string => Math.round(count).toString().replace(/\B(?=(\d{3})+$)/g, '\u202f')

/** '.73': a share or a statistic in [−1, 1]. */
export const share = (value: number | null | undefined, digits = 2): string => (value == null ? '–' : value.toFixed(digits).replace(/^(-?)0\./, '$1.').replace('-', '−'))

/** '.5', '1', '0': the same on an axis. */
export const shareTick = (value: number): string => share(value, 1).replace(/\.0$/, '') || '0'

/** '59.3 %' */
export const percent = (value: number | null | undefined, digits = 1): string => (value == null ? '–' : `${(100 * value).toFixed(digits).replace('-', '−')} %`)

/** '72 % (58–84 %)': a share in its interval, or alone where there is none. */
export const interval = ({ rate, low, high }: { readonly rate: number; readonly low: number | null; readonly high: number | null }, digits = 0): string =>
  low === null || high === null ? percent(rate, digits) : `${percent(rate, digits)} (${Math.round(100 * low)}–${percent(high, 0)})`

/** '+3.4' */
export const signed = (value: number, digits = 1): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`

/** '1 pair', '2 pairs' */
export const counted = (count: number, noun: string, plural = `${noun}s`): string => `${whole(count)} ${count === 1 ? noun : plural}`

/** '640 000 parameters' as '640 K', '1.1 B'. */
export function compact(count: number): string {
  if (count < 1000) return String(count)
  const power = Math.min(3, Math.floor(Math.log10(count) / 3))
  return `${(count / 1000 ** power).toPrecision(3)} ${['', 'K', 'M', 'B'][power]}`
}

/** 'today 14:02', or the date. */
export function moment(iso: string, now = new Date()): string {
  const then = new Date(iso)
  const time = then.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })
  return then.toDateString() === now.toDateString() ? `today ${time}` : `${then.toLocaleDateString(undefined, { year: 'numeric', month: 'short', day: 'numeric' })} ${time}`
}
