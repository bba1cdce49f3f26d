/**
 * A Vulkan driver with 16-bit floats, for fp16 weights on WebGPU: SwiftShader has none, Mesa's lavapipe has them from 25 on
 * (Debian 13, or bookworm-backports). CREAMERY_HALF_ICD names its lvp_icd.json; libvulkan.so.1 must be found by the loader,
 * if need be through LD_LIBRARY_PATH. Without it those tests run on the CPU provider alone, which computes the same graphs.
 */
import { tmpdir } from 'node:os'

const icd = process.env['CREAMERY_HALF_ICD']

/** The variables that make Dawn find that driver; null where none is named. */
export const halfDriverEnv: Readonly<Record<string, string>> | null = icd === undefined ? null : { VK_ICD_FILENAMES: icd, XDG_RUNTIME_DIR: process.env['XDG_RUNTIME_DIR'] ?? tmpdir() }
