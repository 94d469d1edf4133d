// A client as an application would write it, over the types that openapi-typescript makes of
// docs/openapi.json. It is compiled, under strict, and not run.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";

type Row = components["schemas"]["Generation"];
type Event = components["schemas"]["Event"];
type Status = components["schemas"]["Status"];

const headers = { Authorization: "Bearer token" };
const api = createClient<paths>({ baseUrl: "https://tasksync.example", headers });

// A status that is missing here does not compile.
const words: Record<Status, string> = {
  submitted: "Submitted", queued: "Queued", processing: "Processing", streaming: "Streaming",
  complete: "Complete", failed: "Failed",
};

export function headline(row: Row): string {
  const title: string | null | undefined = row.clips[0]?.title;
  const half: string | undefined = row.eta?.p50;
  return [title ?? row.task_type ?? "Song", row.error_code ?? row.status, half].join(", ");
}

export async function library(after?: string): Promise<{ rows: Row[]; next: string | null }> {
  const query = after === undefined ? { status: "complete" as const } : { status: "complete" as const, after };
  const { data, error, response } = await api.GET("/api/music/v2/generations", { params: { query } });
  if (error) throw new Error(`${error.status}: ${error.detail} (${response.headers.get("Retry-After")})`);
  return { rows: data.generations, next: data.has_more ? data.next : null };
}

export async function one(id: string): Promise<Row | undefined> {
  const { data } = await api.GET("/api/music/v2/generations/{id}", { params: { path: { id } } });
  return data;
}

export async function lookNow(taskIds: string[]): Promise<number> {
  const { data } = await api.POST("/api/music/v2/sync", { body: { taskIds } });
  return data?.syncedCount ?? 0;
}

export async function follow(show: (row: Row) => void): Promise<EventSource | undefined> {
  const { data } = await api.POST("/api/music/v2/sync/events/ticket", { params: { query: { reconnects: true } } });
  if (!data) return undefined;
  const source = new EventSource(`https://tasksync.example/api/music/v2/sync/events?ticket=${data.ticket}`);
  source.addEventListener("status", (message: MessageEvent<string>) => {
    const event = JSON.parse(message.data) as Event;
    console.info(words[event.from_status], words[event.to_status], event.via);
    if (event.generation) show(event.generation);
  });
  return source;
}

export async function* changes(wait = "60s"): AsyncGenerator<Row> {
  for (let after: string | undefined = undefined; ; ) {
    const query: { wait: string; last_event_id?: string } = after === undefined ? { wait: "0s" } : { wait, last_event_id: after };
    const { data } = await api.GET("/api/music/v2/sync", { params: { query } });
    if (!data) return;
    yield* data.generations;
    after = data.last_event_id;
  }
}

export async function signOut(): Promise<void> {
  await api.DELETE("/api/music/v2/sync/events/ticket");
}
