import { createCpuDevice } from '@modu/engine'
import { train } from './train.ts'

/** Runs a training in a process of its own, for tests that kill it: `testRun.ts RECIPE RUN_FOLDER`. Prints each step. */
const [recipe, runFolder] = process.argv.slice(2)
const device = createCpuDevice({ threads: 2 })
await train(recipe!, {
  device,
  runFolder,
  onProgress: event => {
    if (event.kind === 'step') console.log(event.metrics.step)
  },
})
await device.close()
