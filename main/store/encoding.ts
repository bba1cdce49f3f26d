/** How values that are no column type of SQLite's are stored: number arrays as BLOBs, everything else as JSON. */

/** 4 bytes a number, little-endian, which is what every machine we run on uses natively. */
export const toBlob = (array: Int32Array): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** Token ids. The bytes are copied: SQLite's buffer need not be aligned. */
export const int32FromBlob = (blob: Uint8Array): Int32Array => new Int32Array(new Uint8Array(blob).buffer)

/** @throws Error for NaN and ±Infinity, which JSON.stringify would turn into null */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) => {
    if (typeof item === 'number' && !Number.isFinite(item)) throw new Error(`${key} is ${item}, which cannot be stored`)
    return item
  })
}
