import '@modu/web/theme.css'
import 'uplot/dist/uPlot.min.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './components/App.tsx'
import { RunStore } from './runStore.ts'

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App store={new RunStore()} />
  </StrictMode>,
)
