// Runs before the first paint, so that a chosen theme or language does not flash. The rest is in src/preferences.ts.
try {
  const preferences = JSON.parse(localStorage.getItem('modu.preferences') ?? '{}')
  if (preferences.theme === 'light' || preferences.theme === 'dark') {
    document.documentElement.dataset.theme = preferences.theme
  }
  if (preferences.language === 'en') document.documentElement.lang = 'en'
} catch {
  // A damaged or forbidden storage leaves the defaults.
}
