import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  // Icon and theme script are those of the chat page.
  publicDir: '../web/public',
  build: { target: 'es2023' },
  /** `npm run dev` passes API calls to `modu runs` on its usual port. */
  server: { proxy: { '/api': 'http://127.0.0.1:8090' } },
})
