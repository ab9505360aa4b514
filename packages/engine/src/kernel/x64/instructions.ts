// The vector and mask instructions that the encoder knows, in the terms of the Intel SDM, volume 2. One row a form;
// an instruction with several forms (load, store, …) has several rows, and the first that fits the operands is used.
//
// name      An instruction whose operands are plain register numbers in every form, but of different files, has a name
//           for each: `vmovd` to a vector, `vmovdToGeneral`; and so has a comparison that answers in a mask register.
// form      V: there is a VEX encoding (registers 0..15, 128 or 256 bits), E: an EVEX one (registers 0..31, masks,
//           broadcasts, 512 bits), VE: both.
// encoding  Mandatory prefix (NP: none), opcode map, bit W. Where VEX ignores W, what EVEX wants stands here.
// opcode    In hex; `/n`: ModRM.reg is no operand but the digit n.
// op/en     Where each operand goes: R ModRM.reg, M ModRM.rm, V VEX.vvvv, L the high half of the immediate byte.
// operands  v: vector register of the instruction's length, h, q: half and quarter of it (128 bits at least),
//           x: 128 bits, k: mask register, r: general register of 32 bits, m: memory,
//           b: memory, 32 bits repeated ({1toN}), imm: `immediate` must be given, {k}: may be masked.
// N         Bytes of the memory operand, L being the vector's length; EVEX counts an 8-bit displacement in these.
// lengths   `128+`: 128 bits and more; `scalar`: one number, or masks.
const rows = [
  // name                   form encoding    opcode op/en operands          N   lengths
  'vaddps                   VE   NP.0F.W0    58     RVM   v{k},v,v/m/b      L   128+',
  'vaddss                   VE   F3.0F.W0    58     RVM   x{k},x,x/m        4   scalar',
  'vsubps                   VE   NP.0F.W0    5C     RVM   v{k},v,v/m/b      L   128+',
  'vsubss                   VE   F3.0F.W0    5C     RVM   x{k},x,x/m        4   scalar',
  'vmulps                   VE   NP.0F.W0    59     RVM   v{k},v,v/m/b      L   128+',
  'vmulss                   VE   F3.0F.W0    59     RVM   x{k},x,x/m        4   scalar',
  'vdivps                   VE   NP.0F.W0    5E     RVM   v{k},v,v/m/b      L   128+',
  'vdivss                   VE   F3.0F.W0    5E     RVM   x{k},x,x/m        4   scalar',
  'vminps                   VE   NP.0F.W0    5D     RVM   v{k},v,v/m/b      L   128+',
  'vminss                   VE   F3.0F.W0    5D     RVM   x{k},x,x/m        4   scalar',
  'vmaxps                   VE   NP.0F.W0    5F     RVM   v{k},v,v/m/b      L   128+',
  'vmaxss                   VE   F3.0F.W0    5F     RVM   x{k},x,x/m        4   scalar',
  'vsqrtps                  VE   NP.0F.W0    51     RM    v{k},v/m/b        L   128+',
  'vsqrtss                  VE   F3.0F.W0    51     RVM   x{k},x,x/m        4   scalar',
  'vscalefps                E    66.0F38.W0  2C     RVM   v{k},v,v/m/b      L   128+',
  'vscalefss                E    66.0F38.W0  2D     RVM   x{k},x,x/m        4   scalar',

  // Fused multiply-add: 132 a = a·c + b, 213 a = b·a + c, 231 a = b·c + a.
  'vfmadd132ps              VE   66.0F38.W0  98     RVM   v{k},v,v/m/b      L   128+',
  'vfmadd132ss              VE   66.0F38.W0  99     RVM   x{k},x,x/m        4   scalar',
  'vfmadd213ps              VE   66.0F38.W0  A8     RVM   v{k},v,v/m/b      L   128+',
  'vfmadd213ss              VE   66.0F38.W0  A9     RVM   x{k},x,x/m        4   scalar',
  'vfmadd231ps              VE   66.0F38.W0  B8     RVM   v{k},v,v/m/b      L   128+',
  'vfmadd231ss              VE   66.0F38.W0  B9     RVM   x{k},x,x/m        4   scalar',

  // Bitwise.
  'vandps                   VE   NP.0F.W0    54     RVM   v{k},v,v/m/b      L   128+',
  'vandnps                  VE   NP.0F.W0    55     RVM   v{k},v,v/m/b      L   128+',
  'vorps                    VE   NP.0F.W0    56     RVM   v{k},v,v/m/b      L   128+',
  'vxorps                   VE   NP.0F.W0    57     RVM   v{k},v,v/m/b      L   128+',
  'vpand                    V    66.0F.W0    DB     RVM   v,v,v/m           L   128+',
  'vpandd                   E    66.0F.W0    DB     RVM   v{k},v,v/m/b      L   128+',
  'vpor                     V    66.0F.W0    EB     RVM   v,v,v/m           L   128+',
  'vpord                    E    66.0F.W0    EB     RVM   v{k},v,v/m/b      L   128+',
  'vpxord                   E    66.0F.W0    EF     RVM   v{k},v,v/m/b      L   128+',

  // Moves and broadcasts.
  'vmovups                  VE   NP.0F.W0    10     RM    v{k},v/m          L   128+',
  'vmovups                  VE   NP.0F.W0    11     MR    m{k},v            L   128+',
  'vmovaps                  VE   NP.0F.W0    28     RM    v{k},v/m          L   128+',
  'vmovaps                  VE   NP.0F.W0    29     MR    m{k},v            L   128+',
  'vmovss                   VE   F3.0F.W0    10     RVM   x{k},x,x          -   scalar',
  'vmovss                   VE   F3.0F.W0    10     RM    x{k},m            4   scalar',
  'vmovss                   VE   F3.0F.W0    11     MR    m{k},x            4   scalar',
  'vmovd                    VE   66.0F.W0    6E     RM    x,r/m             4   scalar',
  'vmovd                    VE   66.0F.W0    7E     MR    m,x               4   scalar',
  'vmovdToGeneral           VE   66.0F.W0    7E     MR    r,x               4   scalar',
  'vmovq                    V    66.0F.W0    D6     MR    m,x               8   scalar',
  'vbroadcastss             VE   66.0F38.W0  18     RM    v{k},x/m          4   128+',
  'vpbroadcastw             VE   66.0F38.W0  79     RM    v{k},x/m          2   128+',

  // Conversions.
  'vroundps                 V    66.0F3A.W0  08     RM    v,v/m,imm         L   128+',
  'vroundss                 V    66.0F3A.W0  0A     RVM   x,x,x/m,imm       4   scalar',
  'vrndscaleps              E    66.0F3A.W0  08     RM    v{k},v/m/b,imm    L   128+',
  'vrndscaless              E    66.0F3A.W0  0A     RVM   x{k},x,x/m,imm    4   scalar',
  'vcvtdq2ps                VE   NP.0F.W0    5B     RM    v{k},v/m/b        L   128+',
  'vcvtps2dq                VE   66.0F.W0    5B     RM    v{k},v/m/b        L   128+',
  'vcvttps2dq               VE   F3.0F.W0    5B     RM    v{k},v/m/b        L   128+',
  'vcvtsi2ss                VE   F3.0F.W0    2A     RVM   x,x,r/m           4   scalar',
  'vcvttss2si               VE   F3.0F.W0    2C     RM    r,x/m             4   scalar',
  'vcvtneps2bf16            E    F3.0F38.W0  72     RM    h{k},v/m/b        L   128+',
  'vpmovzxwd                VE   66.0F38.W0  33     RM    v{k},h/m          L/2 128+',
  'vpmovsdb                 E    F3.0F38.W0  21     MR    q/m{k},v          L/4 128+',
  'vpmovdw                  E    F3.0F38.W0  33     MR    h/m{k},v          L/2 128+',
  'vpackssdw                VE   66.0F.W0    6B     RVM   v{k},v,v/m/b      L   128+',
  'vpackusdw                VE   66.0F38.W0  2B     RVM   v{k},v,v/m/b      L   128+',
  'vpacksswb                VE   66.0F.W0    63     RVM   v{k},v,v/m        L   128+',

  // Comparisons and choices.
  'vucomiss                 VE   NP.0F.W0    2E     RM    x,x/m             4   scalar',
  'vcmpps                   V    NP.0F.W0    C2     RVM   v,v,v/m,imm       L   128+',
  'vcmpss                   V    F3.0F.W0    C2     RVM   x,x,x/m,imm       4   scalar',
  'vcmppsMask               E    NP.0F.W0    C2     RVM   k{k},v,v/m/b,imm  L   128+',
  'vcmpssMask               E    F3.0F.W0    C2     RVM   k{k},x,x/m,imm    4   scalar',
  'vblendvps                V    66.0F3A.W0  4A     RVML  v,v,v/m,v         L   128+',
  'vblendmps                E    66.0F38.W0  65     RVM   v{k},v,v/m/b      L   128+',

  // Integers.
  'vpaddd                   VE   66.0F.W0    FE     RVM   v{k},v,v/m/b      L   128+',
  'vpsubb                   VE   66.0F.W0    F8     RVM   v{k},v,v/m        L   128+',
  'vpsubd                   VE   66.0F.W0    FA     RVM   v{k},v,v/m/b      L   128+',
  'vpsllw                   VE   66.0F.W0    71/6   VM    v{k},v,imm        -   128+',
  'vpsllw                   E    66.0F.W0    71/6   VM    v{k},m,imm        L   128+',
  'vpsrlw                   VE   66.0F.W0    71/2   VM    v{k},v,imm        -   128+',
  'vpsrlw                   E    66.0F.W0    71/2   VM    v{k},m,imm        L   128+',
  'vpsraw                   VE   66.0F.W0    71/4   VM    v{k},v,imm        -   128+',
  'vpsraw                   E    66.0F.W0    71/4   VM    v{k},m,imm        L   128+',
  'vpslld                   VE   66.0F.W0    72/6   VM    v{k},v,imm        -   128+',
  'vpslld                   E    66.0F.W0    72/6   VM    v{k},m/b,imm      L   128+',
  'vpsrld                   VE   66.0F.W0    72/2   VM    v{k},v,imm        -   128+',
  'vpsrld                   E    66.0F.W0    72/2   VM    v{k},m/b,imm      L   128+',
  'vpsrad                   VE   66.0F.W0    72/4   VM    v{k},v,imm        -   128+',
  'vpsrad                   E    66.0F.W0    72/4   VM    v{k},m/b,imm      L   128+',

  // Dot products: bytes (the first unsigned) and words, added in pairs or fours; bf16 in pairs.
  'vpmaddwd                 VE   66.0F.W0    F5     RVM   v{k},v,v/m        L   128+',
  'vpdpbusd                 E    66.0F38.W0  50     RVM   v{k},v,v/m/b      L   128+',
  'vdpbf16ps                E    F3.0F38.W0  52     RVM   v{k},v,v/m/b      L   128+',

  // Permutations.
  'vpermilps                VE   66.0F3A.W0  04     RM    v{k},v/m/b,imm    L   128+',
  'vunpcklps                VE   NP.0F.W0    14     RVM   v{k},v,v/m/b      L   128+',
  'vunpckhps                VE   NP.0F.W0    15     RVM   v{k},v,v/m/b      L   128+',
  'vextractf128             V    66.0F3A.W0  19     MR    x/m,v,imm         16  256',
  'vperm2f128               V    66.0F3A.W0  06     RVM   v,v,v/m,imm       L   256',
  'vshuff32x4               E    66.0F3A.W0  23     RVM   v{k},v,v/m/b,imm  L   256+',

  // Masks.
  'kmovw                    V    NP.0F.W0    90     RM    k,k/m             2   scalar',
  'kmovw                    V    NP.0F.W0    91     MR    m,k               2   scalar',
  'kmovwToGeneral           V    NP.0F.W0    93     RM    r,k               -   scalar',
] as const

type FirstWord<Row> = Row extends `${infer Name} ${string}` ? Name : never

/** Name of a vector or mask instruction of the table. */
export type VectorInstruction = FirstWord<(typeof rows)[number]>
/** Bits of the vector registers; `scalar`: what works on one number, or on masks. */
export type VectorLength = 'scalar' | 128 | 256 | 512
/** Where an operand goes: ModRM.reg, ModRM.rm, VEX.vvvv, the immediate's high half. */
export type Place = 'R' | 'M' | 'V' | 'L'
export type RegisterKind = 'v' | 'h' | 'q' | 'x' | 'k' | 'r'

export interface Operand {
  place: Place
  /** Which register it may be; undefined: memory only. */
  register: RegisterKind | undefined
  memory: boolean
  broadcast: boolean
}

/** A row of the table, read. */
export interface Form {
  name: VectorInstruction
  vex: boolean
  evex: boolean
  /** 0: none, 1: 66, 2: F3, 3: F2; as VEX.pp. */
  prefix: number
  /** 1: 0F, 2: 0F38, 3: 0F3A; as VEX.m-mmmm. */
  map: number
  w: number
  opcode: number
  /** What stands in ModRM.reg when no operand does. */
  digit: number
  operands: Operand[]
  immediate: boolean
  masked: boolean
  /** Bytes of the memory operand for a vector of `vectorBytes`; 0: the form has none. */
  memoryBytes(vectorBytes: number): number
  /** Value of VEX.L (EVEX.L'L) for each length that the form has. */
  lengths: ReadonlyMap<VectorLength, number>
}

const prefixes = ['NP', '66', 'F3', 'F2']
const maps = ['', '0F', '0F38', '0F3A']

const lengthBits: [VectorLength, number][] = [
  [128, 0],
  [256, 1],
  [512, 2],
]
const lengths: Record<string, ReadonlyMap<VectorLength, number>> = {
  '128+': new Map(lengthBits),
  '256+': new Map(lengthBits.slice(1)),
  '256': new Map(lengthBits.slice(1, 2)),
  scalar: new Map([['scalar', 0]]),
}

const memorySizes: Record<string, (vectorBytes: number) => number> = {
  '-': () => 0,
  L: bytes => bytes,
  'L/2': bytes => bytes / 2,
  'L/4': bytes => bytes / 4,
}

function readOperand(text: string, place: Place): Operand {
  const kinds = text.replace('{k}', '').split('/')
  const register = kinds.find(kind => kind !== 'm' && kind !== 'b') as RegisterKind | undefined
  return { place, register, memory: kinds.includes('m'), broadcast: kinds.includes('b') }
}

function readRow(row: string): Form {
  const [name, form, encoding, opcode, places, operands, size, length] = row.split(/ +/)
  const [prefix, map, w] = encoding.split('.')
  const [code, digit] = opcode.split('/')
  const bytes = Number(size)
  return {
    name: name as VectorInstruction,
    vex: form.includes('V'),
    evex: form.includes('E'),
    prefix: prefixes.indexOf(prefix),
    map: maps.indexOf(map),
    w: Number(w.slice(1)),
    opcode: Number.parseInt(code, 16),
    digit: Number(digit ?? 0),
    operands: [...places].map((place, index) => readOperand(operands.split(',')[index], place as Place)),
    immediate: operands.endsWith('imm'),
    masked: operands.includes('{k}'),
    memoryBytes: memorySizes[size] ?? (() => bytes),
    lengths: lengths[length],
  }
}

/** The forms of each instruction, in the order in which they are tried. */
export const forms: ReadonlyMap<VectorInstruction, readonly Form[]> = Map.groupBy(rows.map(readRow), form => form.name)
