import { useText } from '../i18n.ts'
import { setPreferences, usePreferences } from '../preferences.ts'
import { Icon } from './Icon.tsx'
import './TopBar.css'

interface Props {
  models: string[]
  model: string
  onDrawer: () => void
  onNew: () => void
}

export function TopBar({ models, model, onDrawer, onNew }: Props) {
  const text = useText()
  const { sidebar } = usePreferences()
  return (
    <header className={sidebar ? 'topbar' : 'topbar topbar-alone'}>
      <button type="button" className="icon-button topbar-drawer" aria-label={text.openSidebar} onClick={onDrawer}>
        <Icon name="sidebar" />
      </button>
      <button
        type="button"
        className="icon-button topbar-sidebar"
        aria-label={text.openSidebar}
        onClick={() => setPreferences({ sidebar: true })}
      >
        <Icon name="sidebar" />
      </button>
      {models.length > 1 ? (
        <select
          className="topbar-model"
          aria-label={text.model}
          value={model}
          onChange={event => setPreferences({ model: event.target.value })}
        >
          {models.map(id => (
            <option key={id}>{id}</option>
          ))}
        </select>
      ) : (
        <span className="topbar-model">{model}</span>
      )}
      <button type="button" className="icon-button topbar-new" aria-label={text.newChat} onClick={onNew}>
        <Icon name="plus" />
      </button>
    </header>
  )
}
