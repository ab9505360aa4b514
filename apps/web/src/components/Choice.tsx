import { type ReactNode, useId } from 'react'
import './Choice.css'

interface Option<Value extends string> {
  value: Value
  name: string
  lang?: string
  /** What is drawn in place of the name. */
  shown?: ReactNode
}

interface Props<Value extends string> {
  label: string
  value: Value
  options: Option<Value>[]
  onChoose: (value: Value) => void
}

/** One of a few: radio buttons that look like one switch. */
export function Choice<Value extends string>({ label, value, options, onChoose }: Props<Value>) {
  const group = useId()
  return (
    <fieldset className="choice">
      <legend className="visually-hidden">{label}</legend>
      {options.map(option => (
        <label key={option.value} title={option.name} lang={option.lang}>
          <input
            type="radio"
            className="visually-hidden"
            name={group}
            checked={option.value === value}
            aria-label={option.name}
            onChange={() => onChoose(option.value)}
          />
          <span>{option.shown ?? option.name}</span>
        </label>
      ))}
    </fieldset>
  )
}
