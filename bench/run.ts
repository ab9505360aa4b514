import { machine, type Result, table } from './report.ts'

// npm run bench -- NAME: a table, and as the last line the result as JSON. npm run bench -- --list: the names.

const benchmarks: Record<string, { what: string; load: () => Promise<(args: string[]) => Promise<Result>> }> = {
  matmul: {
    what: 'float32 matrix products, against onnxruntime and a pure multiply-add loop',
    load: async () => (await import('./matmul.ts')).matmul,
  },
  train: {
    what: 'a training step of the nano shape, kernel by kernel',
    load: async () => (await import('./train.ts')).train,
  },
  attention: {
    what: 'causal attention, forward and backward, against PyTorch',
    load: async () => (await import('./attention.ts')).attention,
  },
  decode: {
    what: 'greedy decoding of the nano shape, against reading its weights',
    load: async () => (await import('./decode.ts')).decode,
  },
  threads: {
    what: 'handing work over to the threads, against a bare pair of spinning threads',
    load: async () => (await import('./threads.ts')).threads,
  },
  tokenizer: {
    what: 'training the tokenizer and encoding text, against the JavaScript library of Hugging Face',
    load: async () => (await import('./tokenizer.ts')).tokenizer,
  },
}

async function main([name, ...args]: string[]): Promise<void> {
  if (name === '--list') {
    for (const [key, { what }] of Object.entries(benchmarks)) console.log(`${key.padEnd(10)} ${what}`)
    return
  }
  const benchmark = name === undefined ? undefined : benchmarks[name]
  if (!benchmark) {
    console.error(`Which benchmark? One of: ${Object.keys(benchmarks).join(', ')} (npm run bench -- NAME)`)
    process.exitCode = 1
    return
  }
  const { processor, cores, load, node } = machine()
  console.log(`${name}: ${benchmark.what}`)
  console.log(`${processor}, ${cores} cores, Node ${node}; load when it began ${load}\n`)
  const run = await benchmark.load()
  const found = await run(args)
  console.log(`${table(found.cases)}\n`)
  console.log(JSON.stringify({ ...found, machine: { processor, cores, load, node } }))
}

await main(process.argv.slice(2))
