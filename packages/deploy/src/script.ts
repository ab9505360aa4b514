import { gatewayPort } from './gateway.ts'
import { type Argument, enginePort } from './launch.ts'

/** The elements of a bash array or a Python list, one a line, each with its reason before it. */
export const argumentLines = (args: readonly Argument[], quoted: (text: string) => string): string =>
  args.map(({ text, why }) => `${why === undefined ? '' : `  # ${why}\n`}  ${quoted(text)}`).join('\n')

/** Starts Modu on the machine whose engine has the API. */
export const gatewayScript = `#!/bin/bash
# Waits until the engine on this machine answers, then starts Modu in front of it.
set -euo pipefail
: "\${MODU:?must name the folder of a checkout of Modu in which npm ci has run}"
: "\${ENGINE_API_KEY:?must be the key that the engine was started with}"
here=$(cd "$(dirname "$0")" && pwd)

# Loading takes tens of minutes.
until curl --silent --fail --max-time 5 --output /dev/null http://127.0.0.1:${enginePort}/health; do
  sleep 10
done

# Modu lets people in from other machines only with keys: npx modu keys create NAME
cd "$MODU"
exec npx modu serve --config="$here/modu.json" --host=0.0.0.0 --port=${gatewayPort} --log=info
`
