import './Mark.css'

const experts = Array.from({ length: 8 }, (_, i) => {
  const angle = (i / 8) * 2 * Math.PI - Math.PI / 2
  return { x: 16 + 11 * Math.cos(angle), y: 16 + 11 * Math.sin(angle) }
})

/** The sign of Modu: a ring of experts, two of them at work, around the one they share. While `busy`, the work goes round. */
export function Mark({ size = 28, busy = false }: { size?: number; busy?: boolean }) {
  return (
    <svg className={busy ? 'mark mark-busy' : 'mark'} width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      {experts.map(({ x, y }, i) => (
        <circle key={`${x} ${y}`} className={i === 1 || i === 4 ? 'mark-chosen' : ''} cx={x} cy={y} r={2.7} />
      ))}
      <circle className="mark-shared" cx={16} cy={16} r={4.4} />
    </svg>
  )
}
