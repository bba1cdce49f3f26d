import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { nameIn } from '../../main/hosts/electron/gpu.ts'
import { type WindowState, keep, recall } from '../../main/hosts/electron/window-state.ts'
import { temporaryFolder } from '../temporary.ts'

describe('where the window was', () => {
  const screen = { x: 0, y: 0, width: 1920, height: 1080 }
  const second = { x: 1920, y: 0, width: 2560, height: 1440 }
  const recalled = (state: WindowState, screens = [screen, second]): WindowState => {
    const file = join(temporaryFolder('window'), 'deep/window.json')
    keep(file, state)
    return recall(file, screens)
  }
  const at = (x: number, y: number, width = 1400, height = 900, maximized = false): WindowState => ({ bounds: { x, y, width, height }, maximized })

  it('is kept, on either screen', () => {
    for (const state of [at(100, 50), at(2000, 10, 1500, 1000, true)]) expect(recalled(state)).toEqual(state)
  })

  it('is moved and cut to what is there now', () => {
    expect(recalled(at(1000, 400)).bounds).toEqual({ x: 520, y: 180, width: 1400, height: 900 })
    expect(recalled(at(0, 0, 5000, 5000)).bounds).toEqual(screen)
    expect(recalled(at(0, 0, 300, 200)).bounds).toMatchObject({ width: 1280, height: 800 })
    expect(recalled(at(2000, 10, 1400, 900, true), [screen])).toEqual({ bounds: null, maximized: true }) // the second screen is gone
    expect(recalled(at(1900, 0)).bounds).toMatchObject({ x: 1920 }) // twenty pixels of a title bar are no hold
  })

  it('is forgotten where the file is damaged or missing', () => {
    const file = join(temporaryFolder('window'), 'window.json')
    expect(recall(file, [screen])).toEqual({ bounds: null, maximized: false })
    for (const text of ['{', '[]', 'null', '{"bounds":{"x":"1"}}', '{"bounds":{"x":1e99,"y":0,"width":1,"height":1}}']) {
      writeFileSync(file, text)
      expect(recall(file, [screen]), text).toEqual({ bounds: null, maximized: false })
    }
  })
})

describe('the name of the graphics adapter', () => {
  it.each([
    ['ANGLE (NVIDIA, NVIDIA GeForce RTX 3080 (0x00002206) Direct3D11 vs_5_0 ps_5_0, D3D11)', 'NVIDIA GeForce RTX 3080'],
    ['ANGLE (AMD, AMD Radeon RX 6800 XT (radeonsi, navi21, LLVM 15.0.7), OpenGL 4.6)', 'AMD Radeon RX 6800 XT (radeonsi, navi21, LLVM 15.0.7)'],
    ['ANGLE (Apple, ANGLE Metal Renderer: Apple M2 Pro, Unspecified Version)', 'Apple M2 Pro'],
    ['ANGLE (Intel, Vulkan 1.3.289 (Intel(R) Arc(tm) A770 Graphics (DG2) (0x000056A0)), Intel open-source Mesa driver)', 'Intel(R) Arc(tm) A770 Graphics (DG2)'],
    ['NVIDIA GeForce GTX 1080/PCIe/SSE2', 'NVIDIA GeForce GTX 1080'],
  ])('%s', (glRenderer, name) => expect(nameIn({ auxAttributes: { glRenderer } })).toBe(name))

  it('is not that of a software renderer, and null where there is none', () => {
    expect(nameIn({ auxAttributes: { glRenderer: 'ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero) (0x0000C0DE)), SwiftShader driver)' } })).toBeNull()
    for (const info of [null, undefined, {}, { auxAttributes: {} }, { auxAttributes: { glRenderer: '' } }]) expect(nameIn(info)).toBeNull()
  })
})
