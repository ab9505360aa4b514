import { describe, expect, test } from 'vitest'
import { type Leaf, readFeatures, x64Targets } from './features.ts'

const bits = (...indices: number[]): number => indices.reduce((word, index) => word | (1 << index), 0) >>> 0
const none: Leaf = { eax: 0, ebx: 0, ecx: 0, edx: 0 }

/** A processor that answers with these leaves, by `leaf` or `leaf.subleaf`, and otherwise zeros. */
function processor(leaves: Record<string, Partial<Leaf>>, xcr0: number) {
  return {
    cpuid: (leaf: number, subleaf: number): Leaf => ({
      ...none,
      ...leaves[subleaf === 0 ? `${leaf}` : `${leaf}.${subleaf}`],
    }),
    xgetbv: () => xcr0,
  }
}

const intel = { ebx: 0x756e_6547, edx: 0x4965_6e69, ecx: 0x6c65_746e }
const amd = { ebx: 0x6874_7541, edx: 0x6974_6e65, ecx: 0x444d_4163 }
const avxAndFma = { ecx: bits(12, 27, 28) }
const avx2 = { ebx: bits(5, 8) }
const avx512 = { eax: 1, ebx: bits(5, 8, 16, 17, 30, 31), ecx: bits(11) }
const bf16 = { eax: bits(5) }
const [savesSse, savesAvx, savesAvx512] = [0x03, 0x07, 0xe7]
const targetsOf = (...given: Parameters<typeof processor>) =>
  x64Targets(readFeatures(processor(...given))).map(({ name, vnni, bf16 }) => ({ name, vnni, bf16 }))
const narrow = { name: 'x64-avx2', vnni: false, bf16: false }

describe('readFeatures and x64Targets', () => {
  test('Zen 4: everything, bfloat16 too', () => {
    const leaves = { 0: { eax: 16, ...amd }, 1: avxAndFma, 7: avx512, '7.1': bf16 }
    expect(readFeatures(processor(leaves, savesAvx512))).toMatchObject({ vendor: 'AuthenticAMD', fastBf16: true })
    expect(targetsOf(leaves, savesAvx512)).toEqual([{ name: 'x64-avx512', vnni: true, bf16: true }, narrow])
  })

  test('Intel has bfloat16 products, but float32 is as fast', () => {
    const leaves = { 0: { eax: 32, ...intel }, 1: avxAndFma, 7: avx512, '7.1': bf16 }
    expect(readFeatures(processor(leaves, savesAvx512))).toMatchObject({
      vendor: 'GenuineIntel',
      bf16: true,
      fastBf16: false,
    })
    expect(targetsOf(leaves, savesAvx512)[0]).toEqual({ name: 'x64-avx512', vnni: true, bf16: false })
  })

  test('Zen 3: AVX2', () => {
    expect(targetsOf({ 0: { eax: 16, ...amd }, 1: avxAndFma, 7: avx2 }, savesAvx)).toEqual([narrow])
  })

  test('what the system does not save is not used', () => {
    const leaves = { 0: { eax: 32, ...intel }, 1: avxAndFma, 7: avx512, '7.1': bf16 }
    expect(targetsOf(leaves, savesAvx)).toEqual([narrow])
    expect(targetsOf(leaves, savesSse)).toEqual([])
    const withoutXgetbv = { ...leaves, 1: { ecx: bits(12, 28) } }
    const neverAsked = { ...processor(withoutXgetbv, 0), xgetbv: () => expect.fail('xgetbv is not allowed here') }
    expect(x64Targets(readFeatures(neverAsked))).toEqual([])
  })

  test('leaves that an old processor does not have are not asked for', () => {
    // Leaves above the greatest one answer like the greatest one: anything.
    expect(targetsOf({ 0: { eax: 4, ...intel }, 1: avxAndFma, 7: avx512 }, savesAvx512)).toEqual([])
  })

  test('the brand, without the spaces that pad it', () => {
    const words = (text: string): Leaf => {
      const [eax, ebx, ecx, edx] = new Uint32Array(Uint8Array.from(Buffer.from(text.padEnd(16, '\0'))).buffer)
      return { eax: eax!, ebx: ebx!, ecx: ecx!, edx: edx! }
    }
    const leaves = {
      2147483648: { eax: 0x8000_0008 },
      2147483650: words('  A  processor w'),
      2147483651: words('ith cores       '),
      2147483652: words(' 3 GHz'),
    }
    expect(readFeatures(processor(leaves, 0)).brand).toBe('A processor with cores 3 GHz')
    expect(readFeatures(processor({}, 0)).brand).toBe('')
  })
})
