/** How long work comes along: a bar on a terminal, a line now and then in a log, JSON Lines for a program. */

export interface Work {
  readonly label: string
  readonly total: number
  readonly unit: string
  /** Units that were done before the clock started (a resumed stage): they count in the bar, not in the rate. */
  readonly done: number
}

export interface Progress {
  /** So many units are done, of all. */
  reach(done: number): void
  /** Takes the bar off the terminal; the next change shows it again. */
  hide(): void
  /** The last word; a bar disappears. */
  finish(): void
}

export interface ProgressForm {
  readonly form: 'bar' | 'lines' | 'json'
  readonly color: boolean
  /** Columns of the terminal. */
  readonly width: number
  write(text: string): void
  /** Milliseconds; the system's clock unless a test gives another. */
  now?(): number
}

/** Milliseconds between two showings. A log gets its first line only after so long: short work stays silent there. */
const EVERY = { bar: 100, lines: 10_000, json: 1000 } as const
const BAR_CELLS = 24

export function trackProgress(work: Work, { form, color, width, write, now = () => performance.now() }: ProgressForm): Progress {
  const started = now()
  let shownAt = form === 'lines' ? started : -Infinity
  let done = work.done
  let shown = -1
  let visible = false
  const show = (): void => {
    shownAt = now()
    shown = done
    const state = measureProgress({ ...work, done }, work.done, (shownAt - started) / 1000)
    if (form === 'json') return write(`${JSON.stringify({ progress: state })}\n`)
    const text = describeProgress(state)
    if (form === 'lines') return write(`${text}\n`)
    visible = true
    write(`\r\x1b[K${drawBar(state.done / state.total, color)} ${text.slice(0, Math.max(0, width - BAR_CELLS - 2))}`)
  }
  const hide = (): void => {
    if (visible) write('\r\x1b[K')
    visible = false
  }
  return {
    reach(units) {
      done = units
      if (now() - shownAt >= EVERY[form]) show()
    },
    hide,
    finish() {
      hide()
      const spoken = form === 'json' || (form === 'lines' && now() - started >= EVERY.lines)
      if (spoken && shown !== done) show()
    },
  }
}

export interface ProgressState extends Work {
  /** Units per second; null before the first one is done. */
  readonly rate: number | null
  readonly etaSeconds: number | null
}

export function measureProgress(work: Work, before: number, seconds: number): ProgressState {
  const rate = work.done > before && seconds > 0 ? (work.done - before) / seconds : null
  return { ...work, rate, etaSeconds: rate === null ? null : (work.total - work.done) / rate }
}

/** "score 12/40 rows, 3.2 rows/s, 9 s left"; bytes as "12.0/40.5 MB" */
export function describeProgress({ label, done, total, unit, rate, etaSeconds }: ProgressState): string {
  const [scale, name] = unit === 'bytes' ? [1e6, 'MB'] : [1, unit]
  const amount = (units: number): string => (scale === 1 ? String(units) : (units / scale).toFixed(1))
  const pace = rate === null || etaSeconds === null ? '' : `, ${shortNumber(rate / scale)} ${name}/s, ${describeSeconds(etaSeconds)} left`
  return `${label} ${amount(done)}/${amount(total)} ${name}${pace}`
}

/** "9 s", "3 min 20 s", "2 h 5 min" */
export function describeSeconds(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

const shortNumber = (value: number): string => (value >= 100 ? String(Math.round(value)) : value.toPrecision(2))

function drawBar(share: number, color: boolean): string {
  const full = Math.round(Math.min(1, share) * BAR_CELLS)
  const [filled, empty] = ['█'.repeat(full), '░'.repeat(BAR_CELLS - full)]
  return color ? `\x1b[32m${filled}\x1b[2m${empty}\x1b[0m` : filled + empty
}
