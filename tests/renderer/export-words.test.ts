import { describe, expect, it } from 'vitest'
import type { ExportCard } from '../../preload/contract/requests/export.ts'
import type { ModelChoice } from '../../preload/contract/requests/run.ts'
import { chosenCard, chosenModel, faultOfName, nameFor } from '../../renderer/steps/export/words.ts'

const model = (name: string, change: Partial<ModelChoice> = {}): ModelChoice => ({ iterationId: name, name, t: 1, accuracy: 0.5, best: false, last: false, continuedBy: [], ...change })

describe('what is offered first', () => {
  const models = [model('M1'), model('M2', { best: true }), model('M3', { last: true })]
  it('is the best model, else the last, else the base; what was asked for before all', () => {
    expect(chosenModel(models, null)).toBe('M2')
    expect(chosenModel([model('M1'), model('M2', { last: true })], null)).toBe('M2')
    expect(chosenModel([], null)).toBe('M0')
    expect(chosenModel(models, 'M3')).toBe('M3')
    expect(chosenModel(models, 'M0')).toBe('M0')
    expect(chosenModel(models, 'M9')).toBe('M2')
  })

  it('is a format that can hold the model', () => {
    const card = (format: ExportCard['format'], refusal: string | null): ExportCard => ({ format, title: format, use: '', refusal, variants: [] })
    const cards = [card('merged', null), card('peft', 'No adapter.'), card('gguf', null)]
    expect(chosenCard(cards, null)?.format).toBe('merged')
    expect(chosenCard(cards, 'gguf')?.format).toBe('gguf')
    expect(chosenCard(cards, 'peft')?.format).toBe('merged')
  })
})

describe('names', () => {
  it('are fit for every system, and not taken', () => {
    expect(nameFor('My project: 2', 'M2·b', { format: 'gguf', precision: 'q8_0' }, [])).toBe('My-project-2-M2-b-gguf-q8_0')
    expect(nameFor('P', 'M2', { format: 'peft' }, ['/x/P-M2-peft', 'C:\\x\\P-M2-peft-2.partial'])).toBe('P-M2-peft-3')
    expect(nameFor('P', 'M2', { format: 'bundle', texts: true }, ['/x/P-M2-evidence.zip'])).toBe('P-M2-evidence-2.zip')
    for (const name of [nameFor('..', 'M1', { format: 'cream' }, []), nameFor('Ж'.repeat(200), 'M1', { format: 'cream' }, [])]) expect(faultOfName(name)).toBeNull()
  })

  it('say what is wrong with them', () => {
    expect(faultOfName(' ')).toBe('The export needs a name.')
    expect(faultOfName('a/b')).toContain('none of')
    expect(faultOfName('.a')).toContain('hidden')
    expect(faultOfName('a'.repeat(101))).toContain('100')
  })
})
