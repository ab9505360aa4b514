export type { LoadMap, Points, Progress, RunSummary, RunUpdate, StageStart } from './protocol.ts'
export { Runs } from './runs.ts'
export { type Dashboard, type DashboardOptions, startDashboard } from './server.ts'
export { startDashboardThread } from './thread.ts'
