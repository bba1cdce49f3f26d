/** The name of the graphics adapter: ONNX Runtime's binding reports none, Chromium does. */
import type { App } from 'electron'

/** @returns null where Chromium knows none, cannot ask, or has only its software renderer */
export async function gpuName(app: Pick<App, 'getGPUInfo'>): Promise<string | null> {
  return nameIn(await app.getGPUInfo('complete').catch(() => null))
}

/** "ANGLE (NVIDIA, NVIDIA GeForce RTX 3080 (0x00002206) Direct3D11 vs_5_0 ps_5_0, D3D11)" → "NVIDIA GeForce RTX 3080" */
export function nameIn(info: unknown): string | null {
  const { auxAttributes } = (info ?? {}) as { auxAttributes?: { glRenderer?: unknown } }
  const renderer = auxAttributes?.glRenderer
  if (typeof renderer !== 'string' || /swiftshader|llvmpipe|software/i.test(renderer)) return null
  const adapter = /^ANGLE \([^,]*, (.*), [^,]*\)$/.exec(renderer)?.[1] ?? renderer
  const name = adapter.replace(/^Vulkan [\d.]+ \((.*)\)$/, '$1').replace(/^ANGLE Metal Renderer: /, '').replace(/ \(0x[\da-f]+\)/i, '').replace(/ (Direct3D|OpenGL).*$/, '').replace(/\/PCIe?\b.*$/, '').trim()
  return name === '' ? null : name.slice(0, 100)
}
