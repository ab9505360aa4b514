import { machine, markdown, type Result, table } from './report.ts'

// npm run bench -- NAME: a table, and as the last line the result as JSON. npm run bench -- --list: the names;
// npm run bench -- all: one after the other.

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
  beams: {
    what: 'an answer that six beams look for, against the passes of the model alone',
    load: async () => (await import('./beams.ts')).beamSearch,
  },
  threads: {
    what: 'handing work over to the threads, against a bare pair of spinning threads',
    load: async () => (await import('./threads.ts')).threads,
  },
  sampling: {
    what: 'drawing a token from logits, against transformers and PyTorch',
    load: async () => (await import('./sampling.ts')).sampling,
  },
  server: {
    what: 'serving many streams over HTTP, against one stream and the engine alone',
    load: async () => (await import('./server.ts')).server,
  },
  soak: {
    what: '1,000 streams that wait and 256 that talk for a minute: do all stay, does memory',
    load: async () => (await import('./soak.ts')).soak,
  },
  tokenizer: {
    what: 'training a vocabulary and encoding with it, against the libraries of Hugging Face',
    load: async () => (await import('./tokenizer.ts')).tokenizer,
  },
}

async function main([name, ...args]: string[]): Promise<void> {
  if (name === '--list') {
    for (const [key, { what }] of Object.entries(benchmarks)) console.log(`${key.padEnd(10)} ${what}`)
    return
  }
  const names = name === 'all' ? Object.keys(benchmarks) : Object.keys(benchmarks).filter(key => key === name)
  if (names.length === 0) {
    console.error(`Which benchmark? One of: ${Object.keys(benchmarks).join(', ')}, all (npm run bench -- NAME)`)
    process.exitCode = 1
    return
  }
  for (const each of names) await run(each, args)
}

async function run(name: string, args: string[]): Promise<void> {
  const { what, load } = benchmarks[name]!
  const { processor, cores, load: busy, node } = machine()
  console.log(`${name}: ${what}`)
  console.log(`${processor}, ${cores} cores, Node ${node}; load when it began ${busy}\n`)
  const benchmark = await load()
  const found = await benchmark(args)
  const show = args.includes('--markdown') ? markdown : table
  console.log(`${show(found.cases)}\n`)
  console.log(JSON.stringify({ ...found, machine: { processor, cores, load: busy, node } }))
}

await main(process.argv.slice(2))
