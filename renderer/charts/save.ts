/** A chart as a file: the picture with its colours written in, the table as CSV (RFC 4180). */
import type { Cell, ChartTable } from './Figure.svelte'

/** What a picture needs of its page's styles to look the same on its own. */
const carried = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap', 'stroke-linejoin', 'opacity', 'fill-opacity', 'stroke-opacity', 'font-family', 'font-size', 'font-weight', 'text-anchor', 'dominant-baseline']

export function saveSvg(picture: SVGSVGElement, name: string): void {
  const copy = picture.cloneNode(true) as SVGSVGElement
  const [from, to] = [[picture, ...picture.querySelectorAll('*')], [copy, ...copy.querySelectorAll('*')]]
  from.forEach((element, i) => {
    const style = getComputedStyle(element)
    for (const property of carried) to[i]!.setAttribute(property, style.getPropertyValue(property))
    to[i]!.removeAttribute('class')
  })
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect')
  for (const [name, value] of [['width', '100%'], ['height', '100%'], ['fill', surfaceOf(picture)]] as const) ground.setAttribute(name, value)
  copy.prepend(ground)
  save(new XMLSerializer().serializeToString(copy), `${name}.svg`, 'image/svg+xml')
}

export const saveCsv = (table: ChartTable, name: string): void => save(csvOf(table), `${name}.csv`, 'text/csv')

export const csvOf = ({ columns, rows }: ChartTable): string => csvLines([columns, ...rows])

export const csvLines = (rows: readonly (readonly Cell[])[]): string => rows.map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('')

/** Texts that a spreadsheet would take for a formula are quoted with an apostrophe: models write such texts. */
function csvCell(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  const harmless = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}

export function save(content: string | readonly string[], name: string, type: string): void {
  const url = URL.createObjectURL(new Blob(typeof content === 'string' ? [content] : [...content], { type }))
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** The colour behind an element. */
function surfaceOf(element: Element): string {
  for (let at: Element | null = element; at; at = at.parentElement) {
    const { backgroundColor } = getComputedStyle(at)
    if (!/^(transparent|rgba\(.*, 0\))$/.test(backgroundColor)) return backgroundColor
  }
  return 'white'
}
