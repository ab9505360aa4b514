import type { RunSummary } from '@modu/dashboard'
import { formatDuration, formatValue } from '../format.ts'
import { usePreferences } from '../preferences.ts'
import { useText } from '../text.ts'
import './RunList.css'

interface Props {
  runs: readonly RunSummary[]
  /** Colours of the chosen ones. */
  colours: ReadonlyMap<string, string>
  onToggle: (id: string) => void
}

/** Every run, how far it is and how it goes; those ticked are drawn. */
export function RunList({ runs, colours, onToggle }: Props) {
  const text = useText()
  return (
    <nav className="runs" aria-label={text.runs}>
      <h2>{text.runs}</h2>
      <ul>
        {runs.map(run => (
          <li key={run.id}>
            <label className="run" title={run.id}>
              <input
                type="checkbox"
                className="visually-hidden"
                checked={colours.has(run.id)}
                onChange={() => onToggle(run.id)}
              />
              <i className="run-box" style={{ background: colours.get(run.id) }} />
              <span className="run-name">{run.name}</span>
              <span className={`run-state run-${run.state}`}>{text.states[run.state]}</span>
              <RunFigures run={run} />
            </label>
          </li>
        ))}
      </ul>
    </nav>
  )
}

function RunFigures({ run }: { run: RunSummary }) {
  const text = useText()
  const { language } = usePreferences()
  const part = run.totalSteps > 0 ? run.step / run.totalSteps : 0
  const count = (value: number) => Math.round(value).toLocaleString(language)
  const going = [
    ...(run.loss === undefined ? [] : [`${text.loss} ${formatValue(run.loss, language)}`]),
    ...(run.tokensPerSecond === undefined ? [] : [`${count(run.tokensPerSecond)} ${text.speed}`]),
  ]
  return (
    <span className="run-figures">
      <span className="run-bar">
        <span style={{ width: `${100 * Math.min(1, part)}%` }} />
      </span>
      <span>
        {count(run.step)}
        {run.totalSteps > 0 && ` / ${count(run.totalSteps)}`}
        {run.stage && ` · ${text.stages[run.stage] ?? run.stage}`}
      </span>
      <span>{going.join(' · ')}</span>
      {run.secondsLeft !== undefined && (
        <span>
          {text.left} {formatDuration(run.secondsLeft)}
        </span>
      )}
    </span>
  )
}
