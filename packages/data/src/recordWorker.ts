import { parentPort, workerData } from 'node:worker_threads'
import { cleanRecords, type RecordBatch } from './cleanRecord.ts'
import { contaminationFinder, type SharedContamination } from './steps/contamination.ts'

/* A thread that cleans the batches of records it is sent. */

const findCopied = contaminationFinder(workerData as SharedContamination)

parentPort!.on('message', (batch: RecordBatch) => parentPort!.postMessage(cleanRecords(batch, findCopied)))
