/** Aligned columns: numbers (and what stands for a missing one) to the right, words to the left. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)))
  const toRight = head.map((_, column) => rows.length > 0 && rows.every((row) => /^([-+−±]?[\d.,]+( ?%|e[-+]\d+)?.*|–|)$/.test(row[column]!)))
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => (toRight[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join('  ').trimEnd()
  return [line(head), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}
