// An ONNX file is a protocol buffer; one operator needs a dozen fields of it (onnx.proto3, ModelProto).

type Field = readonly [number: number, value: number | string | readonly Field[]]

function varint(value: number): number[] {
  const bytes = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  return [...bytes, rest]
}

function message(fields: readonly Field[]): number[] {
  return fields.flatMap(([number, value]) => {
    if (typeof value === 'number') return [...varint(number << 3), ...varint(value)]
    const bytes = typeof value === 'string' ? [...new TextEncoder().encode(value)] : message(value)
    return [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes]
  })
}

/** ValueInfoProto of a float32 matrix. */
function matrix(name: string, rows: number, columns: number): readonly Field[] {
  const dimension = (size: number): Field => [1, [[1, size]]]
  const float32 = 1
  const shape: Field = [2, [dimension(rows), dimension(columns)]]
  const tensorType: Field = [1, [[1, float32], shape]]
  return [
    [1, name],
    [2, [tensorType]],
  ]
}

/** A model with inputs a [m, k] and b [k, n] and the output c = a·b. */
export function matmulModel(m: number, k: number, n: number): Uint8Array {
  const node: Field[] = [
    [1, 'a'],
    [1, 'b'],
    [2, 'c'],
    [4, 'MatMul'],
  ]
  const graph: Field[] = [
    [1, node],
    [2, 'matmul'],
    [11, matrix('a', m, k)],
    [11, matrix('b', k, n)],
    [12, matrix('c', m, n)],
  ]
  const opset: Field[] = [[2, 13]]
  return Uint8Array.from(
    message([
      [1, 8],
      [7, graph],
      [8, opset],
    ]),
  )
}
