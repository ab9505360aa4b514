export { documentBatches, type MicroBatch, windowBatch, windowCount } from './batch.ts'
export type { DataCard } from './card/dataCard.ts'
export { type CardOptions, writeDataCard } from './card/writeDataCard.ts'
export { type CleaningProgress, type CorpusReport, cleanCorpus, readCorpus, type Sources } from './corpus.ts'
export { encodeDocument, type Tools } from './encode.ts'
export { DataError } from './errors.ts'
export { type TaskKind, taskKinds } from './make/kinds.ts'
export { makeConversations, makeTask, splitOf } from './make/make.ts'
export type { Task } from './make/task.ts'
export { type Draw, isHeldOut, MixtureOrder, mixSeed } from './order.ts'
export { isForValidation, type PackedCorpus, type PackedSource, type PackOptions, packCorpus } from './pack.ts'
export type { PlacedRecord } from './read/record.ts'
export { records } from './read/records.ts'
export { type DataReport, readDataReport } from './report/dataReport.ts'
export { escapeXml, htmlPage } from './report/html.ts'
export { dataReportPage } from './report/page.ts'
export { stepWords } from './report/words.ts'
export { documentsUpTo, type EncodedDocument, type Shard } from './shard.ts'
export { type CorpusDocument, type CorpusMessage, type Source, type SourceReport, sourceSchema } from './source.ts'
export { type CleaningDone, cleanDocuments } from './steps/cleanDocuments.ts'
export {
  type CleaningReport,
  type CleaningSample,
  type CleaningStep,
  cleaningSteps,
  type DocumentCounts,
  type FileReport,
  type StepReport,
  type Tally,
} from './steps/report.ts'
