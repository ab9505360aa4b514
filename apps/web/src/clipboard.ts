/** Copies text; returns whether it worked. The modern way needs HTTPS or localhost, the old way serves a phone in the same network. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    area.style.position = 'fixed'
    area.style.opacity = '0'
    document.body.append(area)
    area.select()
    const worked = document.execCommand('copy')
    area.remove()
    return worked
  }
}
