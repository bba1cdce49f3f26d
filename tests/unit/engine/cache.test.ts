import { expect, test } from 'vitest'
import { Cache } from '../../../main/engine/cache.ts'

test('keeps the recently used within its limit, and makes room before it makes anew', async () => {
  const gone: string[] = []
  const cache = new Cache<string>(10, (value) => gone.push(value))
  const get = (key: string, size: number): Promise<string> => cache.get(key, () => `${key} after ${gone.join()}`, size)
  await get('a', 4)
  await get('b', 4)
  await get('a', 4)
  expect(await get('c', 5)).toBe('c after b after ')
  expect(cache.find('a')).toBe('a after ')
  expect(cache.find('b')).toBeUndefined()
  await get('huge', 50)
  expect(gone).toHaveLength(3)
  expect(cache.find('huge')).toBeDefined()
  cache.clear()
  expect(cache.find('huge')).toBeUndefined()
})
