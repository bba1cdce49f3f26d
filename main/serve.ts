/** The workbench on loopback as a way in of its own: `creamery serve`, with the same options. */
process.argv.splice(2, 0, 'serve')
await import('./cli.ts')
