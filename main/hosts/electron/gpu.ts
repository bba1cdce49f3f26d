/** The name of the graphics adapter: ONNX Runtime's binding reports none, Chromium does. */
import { app } from 'electron'

/** @returns null where Chromium knows none, cannot ask, or has only its software renderer */
export async function gpuName(): Promise<string | null> {
  return nameIn(await app.getGPUInfo('complete').catch(() => null))
}

/** "ANGLE (NVIDIA, NVIDIA GeForce RTX 3080 (0x00002206) Direct3D11 vs_5_0 ps_5_0, D3D11)" → "NVIDIA GeForce RTX 3080" */
export function nameIn(info: unknown): string | null {
  const { auxAttributes } = (info ?? {}) as { auxAttributes?: { glRenderer?: unknown } }
  const renderer = auxAttributes?.glRenderer
  if (typeof renderer !== 'string' || /swiftshader|llvmpipe|software/i.test(renderer)) return null
  const inner = /^ANGLE \(([^,]*), (.*), [^,]*\)$/.exec(renderer)?.[2] ?? renderer
  const name = inner.replace(/^(Vulkan|OpenGL)[\w .]*\((.*)\)$/, '$2').replace(/^ANGLE Metal Renderer: /, '').replace(/ ?\(0x[\da-f]+\)/i, '').replace(/ (Direct3D|OpenGL|vs_).*$/, '').trim()
  return name === '' ? null : name.slice(0, 100)
}
