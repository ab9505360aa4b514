/* What another server of this machine's pages needs, without the model: `@modu/serve/http`. */
export { ApiError, ServeError } from './errors.ts'
export { onlyHosts } from './hosts.ts'
export { listen } from './listen.ts'
export { page } from './page.ts'
