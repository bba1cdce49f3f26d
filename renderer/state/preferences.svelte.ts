/** What a person set for themselves on this computer; kept by the browser, nothing of it concerns a run. */

/** A value in localStorage; what is there and does not fit is ignored. */
export class Preference<Value> {
  readonly #name: string
  #value: Value

  constructor(name: string, initial: Value, fits: (value: unknown) => value is Value) {
    this.#name = `creamery-${name}`
    this.#value = $state.raw(stored(this.#name, fits) ?? initial)
  }

  get value(): Value {
    return this.#value
  }

  set value(value: Value) {
    this.#value = value
    localStorage.setItem(this.#name, JSON.stringify(value))
  }
}

function stored<Value>(name: string, fits: (value: unknown) => value is Value): Value | undefined {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(name) ?? 'null')
    return fits(value) ? value : undefined
  } catch {
    return undefined
  }
}

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]
export const theme = new Preference<Theme>('theme', 'system', (value): value is Theme => themes.some((one) => one === value))
