// Serves index.html. With SUPABASE_URL and SUPABASE_KEY, the page signs in at that project. Without, it
// signs in at a stand-in on this server, which takes any password and signs tokens with TASKSYNC_JWT_SECRET.
//   npm ci && TASKSYNC_JWT_SECRET=… USER_ID=… npm start    (the daemon needs TASKSYNC_CORS_ORIGINS=http://127.0.0.1:3000)
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
const { PORT = '3000', TASKSYNC_URL = 'http://127.0.0.1:8080', TASKSYNC_JWT_SECRET, USER_ID, SUPABASE_URL, SUPABASE_KEY = 'public' } = process.env;
const file = (name) => readFileSync(new URL(name, import.meta.url));
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
function session() { // as POST /auth/v1/token of a project responds
  const expires_at = Math.floor(Date.now() / 1000) + 3600;
  const unsigned = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url({ sub: USER_ID, aud: 'authenticated', role: 'authenticated', exp: expires_at })}`;
  const access_token = `${unsigned}.${createHmac('sha256', TASKSYNC_JWT_SECRET).update(unsigned).digest('base64url')}`;
  return { access_token, refresh_token: 'again', token_type: 'bearer', expires_in: 3600, expires_at, user: { id: USER_ID, aud: 'authenticated' } };
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  const send = (type, body) => response.setHeader('Content-Type', type).end(body);
  if (pathname === '/') send('text/html; charset=utf-8', file('index.html'));
  else if (pathname === '/supabase.js') send('text/javascript', file('node_modules/@supabase/supabase-js/dist/umd/supabase.js'));
  else if (pathname === '/settings') send('application/json', JSON.stringify({ url: SUPABASE_URL || `http://${request.headers.host}`, key: SUPABASE_KEY, tasksync: TASKSYNC_URL }));
  else if (pathname === '/auth/v1/token' && !SUPABASE_URL) send('application/json', JSON.stringify(session()));
  else response.writeHead(pathname.startsWith('/auth/') ? 204 : 404).end();
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
