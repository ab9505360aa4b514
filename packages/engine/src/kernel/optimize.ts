import type { Program } from './ir.ts'
import { foldCopies } from './optimize/copies.ts'
import { removeDeadCode } from './optimize/deadCode.ts'
import { placeValues } from './optimize/values.ts'

/**
 * A program that means exactly the same and computes less, for code generators that do not optimise themselves:
 * values are computed once, outside the loops that do not change them, and what nobody reads is gone. Its constants
 * stand at the beginning, and its variables may be written by any instruction.
 */
export const optimize = (program: Program): Program => removeDeadCode(foldCopies(placeValues(program)))
