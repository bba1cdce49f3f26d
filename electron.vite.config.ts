/**
 * `npm run build`: three bundles in out/. Main keeps the tree of its sources (one file each), because children, migrations
 * and presets are found beside the module that asks for them, by import.meta.url. The preload is one CommonJS file, which
 * is all that a sandboxed window can load. The renderer runs under a policy that lets nothing inline in.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { type UserConfig, defineConfig } from 'electron-vite'
import type { Plugin } from 'vite'

const root = import.meta.dirname
/** Elsewhere than out/ when a build should not disturb who reads that. */
const out = join(root, process.env['CREAMERY_OUT'] ?? 'out')
const rooms = ['main', 'native-models', 'preload']

/** What main reads at run time and no import names: migrations, presets, the bundled model and its data. */
const runtimeFiles: Plugin = {
  name: 'creamery:runtime-files',
  writeBundle() {
    for (const room of rooms) cpSync(join(root, room), join(out, room), { recursive: true, filter: (path) => !/\.(ts|mjs|md|log)$/.test(path) })
    cpSync(join(root, 'package.json'), join(out, 'package.json'))
  },
}

export default defineConfig({
  ...(process.env['CREAMERY_BUILD'] === 'renderer' ? {} : forElectron()),
  renderer: {
    root: join(root, 'renderer'),
    plugins: [svelte({ configFile: false })],
    build: {
      outDir: join(out, 'renderer'),
      emptyOutDir: true,
      assetsInlineLimit: 0, // a data: URL is nothing that the policy lets fonts or scripts come from
      minify: true,
      rolldownOptions: { input: join(root, 'renderer/index.html') },
    },
  },
})

function forElectron(): Pick<UserConfig, 'main' | 'preload'> {
  return {
    main: {
      plugins: [runtimeFiles],
      build: {
        outDir: out,
        emptyOutDir: true, // first of the three
        externalizeDeps: true, // native packages load their binaries from node_modules
        sourcemap: true,
        rolldownOptions: {
          input: ['index', 'serve', 'cli', 'engine/worker', 'sandbox/worker', 'pipeline/aside-thread', 'hosts/electron/child'].map((entry) => join(root, 'main', `${entry}.ts`)),
          output: { preserveModules: true, preserveModulesRoot: root, entryFileNames: '[name].js' },
        },
      },
    },
    preload: {
      build: {
        outDir: join(out, 'preload'),
        emptyOutDir: false, // main put the contract there
        externalizeDeps: false,
        rolldownOptions: { input: join(root, 'preload/index.ts'), output: { format: 'cjs', entryFileNames: 'index.cjs', codeSplitting: false } },
      },
    },
  }
}
