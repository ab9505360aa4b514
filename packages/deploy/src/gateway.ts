import type { GatewayConfigFile } from '@modu/serve'
import { enginePort, servedName } from './launch.ts'

export const gatewayPort = 8080

/** The variable that holds the engines' key, for them and for the gateway. */
export const engineKeyVariable = 'ENGINE_API_KEY'

/**
 * The configuration of Modu in front of engines at these addresses, each by its name so that Modu sees them one by one:
 * a conversation goes where its beginning is still in the cache, and a dead engine gets nothing.
 */
export const gatewayConfig = (engines: Readonly<Record<string, string>>): GatewayConfigFile => ({
  upstreams: Object.fromEntries(
    Object.entries(engines).map(([name, host]) => [
      name,
      {
        baseUrl: `http://${host}:${enginePort}/v1`,
        apiKeyEnv: engineKeyVariable,
        models: { k1: servedName },
        continuousUsage: true,
        // A prompt of full length takes minutes, and more before it in the line.
        timeouts: { firstByte: 600, whole: 3600 },
      },
    ]),
  ),
})

export const gatewayConfigText = (engines: Readonly<Record<string, string>>): string =>
  `${JSON.stringify(gatewayConfig(engines), undefined, 2)}\n`

/** Builds Modu's image; run in a checkout of the repository. */
export const gatewayImage = `# Modu, the gateway. In a checkout of Modu: docker build -f THIS_FILE -t YOUR_REGISTRY/modu:0.1.0 .
FROM node:24-slim
WORKDIR /modu
COPY . .
# Brings Node 26, which runs Modu's sources, as a package.
RUN npm ci
# What this process writes beside the database: nothing that must last.
ENV MODU_HOME=/tmp/modu
USER node
EXPOSE ${gatewayPort}
ENTRYPOINT ["npx", "modu"]
`
