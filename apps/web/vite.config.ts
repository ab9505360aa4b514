import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** The server that `npm run dev` passes API calls to: `modu serve` on its usual port. */
const server = 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react()],
  build: { target: 'es2023', reportCompressedSize: true },
  server: { proxy: { '/v1': server, '/health': server } },
})
