/** Where the window was, kept between starts, and made to fit the screens that are there now. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export interface Rectangle {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}
export interface WindowState {
  /** Null: in the middle of the first screen. */
  readonly bounds: Rectangle | null
  readonly maximized: boolean
}

/** The smallest that every screen of the workbench is laid out for. */
export const smallest = { width: 1280, height: 800 }
const fresh: WindowState = { bounds: null, maximized: false }

/** What was kept, moved and cut to the screen it overlaps; a damaged or missing file, or a screen that is gone, starts afresh. */
export function recall(file: string, screens: readonly Rectangle[]): WindowState {
  const kept = read(file)
  const { bounds } = kept
  const screen = bounds && screens.find((area) => overlap(area, bounds))
  if (!bounds || !screen) return { ...kept, bounds: null }
  const width = Math.min(Math.max(bounds.width, smallest.width), screen.width)
  const height = Math.min(Math.max(bounds.height, smallest.height), screen.height)
  const within = (at: number, from: number, room: number): number => Math.min(Math.max(at, from), from + room)
  return { ...kept, bounds: { x: within(bounds.x, screen.x, screen.width - width), y: within(bounds.y, screen.y, screen.height - height), width, height } }
}

/** Losing it costs a drag of the mouse: a full disk is no reason to say anything. */
export function keep(file: string, state: WindowState): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(`${file}.partial`, JSON.stringify(state))
    renameSync(`${file}.partial`, file)
  } catch {
    // the next start begins in the middle
  }
}

function read(file: string): WindowState {
  try {
    const { bounds, maximized } = JSON.parse(readFileSync(file, 'utf8')) as Partial<WindowState>
    const whole = bounds && [bounds.x, bounds.y, bounds.width, bounds.height].every(Number.isSafeInteger)
    return { bounds: whole ? bounds : null, maximized: maximized === true }
  } catch {
    return fresh
  }
}

/** A hand's breadth of the title bar has to be in reach. */
function overlap(screen: Rectangle, window: Rectangle): boolean {
  const across = Math.min(screen.x + screen.width, window.x + window.width) - Math.max(screen.x, window.x)
  return across >= 100 && window.y >= screen.y - 20 && window.y <= screen.y + screen.height - 40
}
