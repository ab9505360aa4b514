import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { chartsOf, type ShownRun } from '../charts.ts'
import { usePreferences } from '../preferences.ts'
import type { RunStore } from '../runStore.ts'
import { useText } from '../text.ts'
import { lineColours } from '../theme.ts'
import { ChartCard } from './ChartCard.tsx'
import { Header } from './Header.tsx'
import { Loads } from './Loads.tsx'
import { RunList } from './RunList.tsx'
import { Samples } from './Samples.tsx'
import './App.css'

/** Wide charts; the others stand three in a row. */
const large = new Set(['loss', 'bitsPerByte.*', 'reward', 'accuracy.*'])

export function App({ store }: { store: RunStore }) {
  const text = useText()
  const { axis, smoothing, language } = usePreferences()
  const { connected, runs, data } = useSyncExternalStore(store.subscribe, store.get)
  const [chosen, setChosen] = useState(() => new URLSearchParams(location.search).getAll('run'))
  // Until the reader chooses, the run that trains, or else the youngest, is shown.
  const first = runs?.[0]?.id
  useEffect(() => {
    const isThere = (id: string) => runs?.some(run => run.id === id)
    if (first !== undefined) setChosen(chosen => (chosen.some(isThere) ? chosen : [first]))
  }, [first])
  useEffect(() => store.listen(chosen), [store, chosen])
  useEffect(() => {
    document.title = `${text.title} · ${language === 'ko' ? '모두' : 'Modu'}`
  }, [text, language])

  const colours = useMemo(() => new Map(chosen.map((id, i) => [id, lineColours[i % lineColours.length]!])), [chosen])
  // The list changes with every step, its names do not: plots need not follow twice.
  const there = JSON.stringify(runs?.map(({ id, name }) => [id, name]) ?? [])
  const shown = useMemo(() => {
    const names = new Map<string, string>(JSON.parse(there))
    return chosen.flatMap((id): ShownRun[] => {
      const [name, known] = [names.get(id), data.get(id)]
      return name !== undefined && known ? [{ id, name, data: known, colour: colours.get(id)! }] : []
    })
  }, [chosen, there, data, colours])
  const charts = useMemo(() => chartsOf(shown, axis, smoothing), [shown, axis, smoothing])
  const toggle = (id: string) => {
    const next = chosen.includes(id) ? chosen.filter(each => each !== id) : [...chosen, id]
    setChosen(next)
    history.replaceState(null, '', `?${new URLSearchParams(next.map(run => ['run', run]))}`)
  }
  const named = (run: ShownRun) => (shown.length > 1 ? run.name : undefined)
  return (
    <div className="app">
      <Header busy={runs?.some(run => run.state === 'running') ?? false} />
      {!connected && (
        <p className="lost" role="status">
          {text.lost}
        </p>
      )}
      <div className="app-body">
        {runs && runs.length > 0 && <RunList runs={runs} colours={colours} onToggle={toggle} />}
        <main className="cards">
          {runs?.length === 0 && (
            <p className="app-note">
              {text.none}
              <br />
              {text.noneHint} <code>npx modu train recipes/tiny.json</code>
            </p>
          )}
          {runs && runs.length > 0 && charts.length === 0 && (
            <p className="app-note">{chosen.length === 0 ? text.nothingChosen : text.waiting}</p>
          )}
          {charts.map(chart => (
            <ChartCard
              key={`${chart.field} ${chart.part}`}
              chart={chart}
              runs={shown}
              large={large.has(chart.field) && chart.part === undefined}
            />
          ))}
          {shown.map(run => run.data.loads && <Loads key={`loads ${run.id}`} name={named(run)} map={run.data.loads} />)}
          {shown.map(
            run =>
              run.data.samples.length > 0 && (
                <Samples key={`samples ${run.id}`} name={named(run)} samples={run.data.samples} />
              ),
          )}
        </main>
      </div>
    </div>
  )
}
