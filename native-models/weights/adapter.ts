import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { formatAdapterConfig, parseAdapterConfig, type AdapterConfig } from './adapter-config.ts'
import { checkFinite } from './checkpoint.ts'
import type { ModelConfig } from './config.ts'
import { encodeFloats, type FloatDtype } from './dtype.ts'
import { listNames, ModelError, quote, showShape } from './error.ts'
import { readJson, writeJson, type WrittenFile } from './files.ts'
import { fuseAdapter, storedLayers } from './fuse-adapter.ts'
import { partOf, partsOfTarget } from './fused.ts'
import { ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE } from './layout.ts'
import { openSafetensors, writeSafetensors, type Safetensors, type TensorToWrite } from './safetensors.ts'
import { linearModules } from './tensors.ts'

export type { AdapterConfig } from './adapter-config.ts'

/** The two factors of one linear layer, flat, row-major: `a` is lora_A [rank, in], `b` is lora_B [out, rank]. */
export type LoraFactors = { a: Float32Array; b: Float32Array }

/** A LoRA adapter: module name ("model.layers.0.self_attn.q_proj") → factors, in the model's order. */
export type Adapter = { config: AdapterConfig; modules: ReadonlyMap<string, LoraFactors> }

const PREFIX = 'base_model.model.'

/**
 * Reads a PEFT adapter folder for a known base. Every tensor must belong to a linear layer of the base and have its
 * shape, and every layer that `target_modules` names must be there.
 * @throws ModelError
 */
export function readAdapter(folder: string, base: ModelConfig): Adapter {
  const config = parseAdapterConfig(readJson(join(folder, ADAPTER_CONFIG_FILE)), join(folder, ADAPTER_CONFIG_FILE))
  const file = openSafetensors(join(folder, ADAPTER_WEIGHTS_FILE))
  try {
    const linears = linearModules(base)
    const places = new Map([...linears].map(([module, { out }]) => [module, placeOf(file, base, module, out)]))
    checkNames(file, [...new Set([...places.values()].map((place) => place.module))], config)
    const modules = new Map<string, LoraFactors>()
    for (const [module, { inputs, out }] of linears) {
      const place = places.get(module)!
      const [nameA, nameB] = tensorNames(place.module)
      if (!file.tensors.has(nameA) && !file.tensors.has(nameB)) continue
      modules.set(module, {
        a: readFactor(file, nameA, [config.rank, inputs]),
        b: readFactor(file, nameB, [place.allRows, config.rank]).slice(place.firstRow * config.rank, (place.firstRow + out) * config.rank),
      })
    }
    return { config: { ...config, targets: config.targets?.flatMap(partsOfTarget) ?? null }, modules }
  } finally {
    file.close()
  }
}

type WrittenAdapter = { weights: WrittenFile; config: WrittenFile }

/**
 * Writes a PEFT adapter folder (created where absent; the same two files are replaced), tensors sorted by name.
 * @returns the weights file and the config file
 * @throws Error when the adapter does not fit `base` (a fault of the caller); system errors as they are
 */
export const writeAdapter = (folder: string, adapter: Adapter, base: ModelConfig, dtype: FloatDtype = 'F32'): Promise<WrittenAdapter> => writeFactors(folder, adapter, linearModules(base), dtype)

/** The same for other programs, to which a base that fuses projections has other layers (fuse-adapter.ts). */
export const writeFusedAdapter = (folder: string, adapter: Adapter, base: ModelConfig): Promise<WrittenAdapter> => writeFactors(folder, fuseAdapter(base, adapter), storedLayers(base, () => true), 'F32')

async function writeFactors(folder: string, { config, modules }: Adapter, linears: ReadonlyMap<string, { inputs: number; out: number }>, dtype: FloatDtype): Promise<WrittenAdapter> {
  const targets = [...new Set([...modules.keys()].map((module) => module.slice(module.lastIndexOf('.') + 1)))].sort()
  const covered = [...linears.keys()].filter(isTarget(targets))
  if (modules.size === 0 || modules.size !== covered.length || !covered.every((module) => modules.has(module))) {
    throw new Error(`adapter: target_modules ${targets} cover ${covered.length} layers of the base, but ${modules.size} are adapted`)
  }
  const tensors: TensorToWrite[] = []
  for (const module of covered) {
    const { inputs, out } = linears.get(module)!
    const { a, b } = modules.get(module)!
    const [nameA, nameB] = tensorNames(module)
    tensors.push({ name: nameA, dtype, shape: [config.rank, inputs], data: () => encodeFloats(dtype, a) })
    tensors.push({ name: nameB, dtype, shape: [out, config.rank], data: () => encodeFloats(dtype, b) })
  }
  tensors.sort((one, other) => (one.name < other.name ? -1 : 1))
  mkdirSync(folder, { recursive: true })
  return {
    weights: await writeSafetensors(join(folder, ADAPTER_WEIGHTS_FILE), tensors, { format: 'pt' }),
    config: await writeJson(join(folder, ADAPTER_CONFIG_FILE), formatAdapterConfig(config, targets)),
  }
}

/**
 * The module under which an adapter of this file keeps a layer's factors: its own, or, where PEFT saw a fused projection
 * (fused.ts), that one, whose A all parts share and whose B holds their rows.
 */
function placeOf(file: Safetensors, base: ModelConfig, module: string, out: number): { module: string; firstRow: number; allRows: number } {
  const part = partOf(base, `${module}.weight`)
  const fused = part?.fused.replace(/\.weight$/, '')
  const isFused = fused !== undefined && [...file.tensors.keys()].some((name) => name.includes(`${fused.slice(fused.lastIndexOf('.'))}.lora_`))
  return isFused ? { module: fused, firstRow: part!.firstRow, allRows: part!.allRows } : { module, firstRow: 0, allRows: out }
}

function checkNames(file: Safetensors, linears: readonly string[], { targets }: AdapterConfig): void {
  const known = new Set(linears.flatMap(tensorNames))
  const unknown = [...file.tensors.keys()].filter((name) => !known.has(name))
  if (unknown.length > 0) {
    throw new ModelError(`${file.path} adapts what this base does not have or LoRA on linear layers does not cover (${listNames(unknown)}); choose the adapter's own base model.`)
  }
  const endings = new Set(linears.flatMap(endingsOf))
  const unmatched = (targets ?? []).filter((target) => !endings.has(target))
  if (unmatched.length > 0) {
    throw new ModelError(`${file.path}: adapter_config.json targets modules that this base does not have (${listNames(unmatched)}); choose the adapter's own base model.`)
  }
  const wanted = targets ? linears.filter(isTarget(targets)) : []
  const absent = wanted.flatMap(tensorNames).filter((name) => !file.tensors.has(name))
  if (absent.length > 0) throw new ModelError(`${file.path} lacks ${absent.length} tensors (${listNames(absent)}); choose the adapter's own base model, or download the adapter again.`)
  if (file.tensors.size === 0) throw new ModelError(`${file.path} holds no tensor; export the adapter again.`)
}

function readFactor(file: Safetensors, name: string, shape: readonly number[]): Float32Array {
  const stored = file.tensors.get(name)
  if (stored && String(stored.shape) !== String(shape)) {
    throw new ModelError(`${file.path}: ${quote(name)} has shape ${showShape(stored.shape)}, but this base and r need ${showShape(shape)}; choose the adapter's own base model.`)
  }
  const values = file.readFloats(name)
  checkFinite(values, name, file.path)
  return values
}

/** PEFT's rule: a target names the whole module, or its last parts. */
function isTarget(targets: readonly string[]): (module: string) => boolean {
  const wanted = new Set(targets)
  return (module) => endingsOf(module).some((ending) => wanted.has(ending))
}

/** "a.b.c" → "a.b.c", "b.c", "c". */
function endingsOf(module: string): string[] {
  const parts = module.split('.')
  return parts.map((_, i) => parts.slice(i).join('.'))
}

function tensorNames(module: string): [string, string] {
  return [`${PREFIX}${module}.lora_A.weight`, `${PREFIX}${module}.lora_B.weight`]
}
