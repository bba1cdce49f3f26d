/** The command line's first step, in plain JavaScript: an older Node gets a sentence instead of a syntax error or a crash in a native module. */
if (process.features.typescript) await import('./cli.ts')
else {
  console.error(`Creamery needs Node 22.18 or later, and this is ${process.versions.node}; start it with "npm run creamery", which brings its own Node on Linux x64, or install a newer one.`)
  process.exitCode = 2
}
