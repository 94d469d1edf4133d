// Verifies the signatures of tasksync's webhooks: runs the examples of docs/webhooks.md,
// the first of which uses the npm package standardwebhooks, and has `tasksync notify test`
// send a message to each. A message that was signed with another secret must be refused.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { once } from "node:events";
import { setTimeout as after } from "node:timers/promises";

const tasksync = process.argv[2];
const page = readFileSync("../../docs/webhooks.md", "utf8");
const secret = () => "whsec_" + randomBytes(32).toString("base64");
const [current, next, other] = [secret(), secret(), secret()];

const code = (language) => page.split("```" + language + "\n")[1].split("```")[0];

const freePort = async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
};

const listens = async (port, child) => {
  for (;;) {
    if (child.exitCode !== null) throw new Error("the example has ended");
    const socket = connect(port, "127.0.0.1");
    const open = await Promise.race([once(socket, "connect").then(() => true), once(socket, "error").then(() => false)]).catch(() => false);
    socket.destroy();
    if (open) return;
    await after(50);
  }
};

const send = (port, secrets) =>
  spawnSync(tasksync, ["notify", "test"], {
    encoding: "utf8",
    env: { ...process.env, TASKSYNC_NOTIFY_URL: `http://127.0.0.1:${port}/hooks`, TASKSYNC_NOTIFY_SECRET: secrets },
  });

const check = async (name, file, command, args) => {
  writeFileSync(file, code(name));
  const port = await freePort();
  const child = spawn(command, args, { detached: true, env: { ...process.env, PORT: String(port), TASKSYNC_NOTIFY_SECRET: current } });
  let output = "";
  child.stdout.on("data", (text) => (output += text));
  child.stderr.on("data", (text) => (output += text));
  try {
    await listens(port, child);
    for (const [secrets, status, words] of [
      [current, 0, "HTTP 204"],
      [`${next},${current}`, 0, "HTTP 204"],
      [other, 1, "HTTP 401"],
    ]) {
      const sent = send(port, secrets);
      if (sent.status !== status || !sent.stdout.includes(words)) {
        throw new Error(`want ${words}, not ${sent.status}: ${sent.stdout}${sent.stderr}`);
      }
    }
    const printed = () => output.split("tasksync.test").length - 1;
    for (let i = 0; i < 200 && printed() < 2; i++) await after(50); // spawnSync has kept its output waiting
    if (printed() !== 2) throw new Error("the example has not printed two messages");
    console.log(`webhooks: the ${name} of docs/webhooks.md verifies`);
  } catch (error) {
    throw new Error(`${name}: ${error.message}\n${output}`);
  } finally {
    try {
      process.kill(-child.pid); // with what it has started
    } catch {
      // it has ended
    }
  }
};

// The first example must find node_modules, so its file is beside them.
const dir = mkdtempSync("webhooks-");
try {
  await check("js", join(dir, "receiver.mjs"), "node", [join(dir, "receiver.mjs")]);
  await check("go", join(dir, "receiver.go"), "go", ["run", join(dir, "receiver.go")]);
  if (spawnSync("python3", ["--version"]).status === 0) {
    await check("python", join(dir, "receiver.py"), "python3", [join(dir, "receiver.py")]);
  } else {
    console.log("webhooks: the example in Python was not run, it wants python3");
  }
} finally {
  rmSync(dir, { recursive: true });
}
