import { useState } from 'react'
import { usePreferences } from '../preferences.ts'
import type { RunData } from '../runStore.ts'
import { useText } from '../text.ts'
import './Samples.css'

/** What the model made of the recipe's prompts, at the step that the slider chooses: the newest, until it is moved. */
export function Samples({ name, samples }: { name: string | undefined; samples: RunData['samples'] }) {
  const text = useText()
  const { language } = usePreferences()
  const [chosen, setChosen] = useState<number>()
  const steps = [...new Set(samples.map(({ step }) => step))]
  const index = Math.min(chosen ?? steps.length - 1, steps.length - 1)
  const step = steps[index]!
  const label = text.samplesAt(step.toLocaleString(language))
  return (
    <section className="card card-wide" aria-label={text.samples}>
      <h2>
        {text.samples}
        {name !== undefined && <small>{name}</small>}
      </h2>
      <div className="samples-step">
        <span>{label}</span>
        {steps.length > 1 && (
          <input
            type="range"
            min={0}
            max={steps.length - 1}
            value={index}
            aria-label={text.step}
            aria-valuetext={label}
            onChange={event => {
              const at = Number(event.target.value)
              setChosen(at === steps.length - 1 ? undefined : at)
            }}
          />
        )}
      </div>
      <dl className="samples" lang="ko">
        {samples
          .filter(sample => sample.step === step)
          .map(({ prompt, thinking, reasoning, answer }) => (
            <div key={`${prompt} ${thinking}`}>
              <dt>{prompt}</dt>
              <dd>
                {reasoning && <p className="samples-reasoning">{reasoning}</p>}
                <p>{answer}</p>
              </dd>
            </div>
          ))}
      </dl>
    </section>
  )
}
