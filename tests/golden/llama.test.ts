/** Tiny Llamas of every kind against transformers. */
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { goldenPath } from './fixtures.ts'
import { testParity } from './parity.ts'

const names = readdirSync(goldenPath('llama')).sort()

it('covers five kinds', () => expect(names).toEqual(['gqa-biased', 'gqa-tied', 'headdim', 'llama3-rope', 'mha-untied']))

describe.each(names)('%s', (name) => testParity('llama', name))
