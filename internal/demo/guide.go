package demo

import "fmt"

// submits is the submit call of each provider: its path, and what stands before
// the task's id in the answer.
var submits = map[string][2]string{ //nolint:gochecknoglobals // a constant table
	"sunoapi":   {"/api/v1/generate", `"taskId":"`},
	"kie":       {"/api/v1/generate", `"taskId":"`},
	"sunoproxy": {"/suno/submit/music", `"data":"`},
	"acedata":   {"/suno/audios", `"task_id":"`},
	"sunoclips": {"/generate", `{"id":"`},
}

// next is the end of a demo: what a reader can do now, in lines that can be pasted.
func next(command string) string {
	return fmt.Sprintf(`To look around in a demo that keeps running:
  %[1]s demo --keep

Next: your database. The second line changes nothing and says what is missing.
  export DATABASE_URL=postgres://user:password@host/name TASKSYNC_API_KEY=key
  %[1]s doctor
  %[1]s run
`, command)
}

// guide is a text that says how to explore a demo that keeps running. A reader
// can paste its commands.
func (s *stage) guide() string {
	submit := submits[s.Provider.Name]
	return fmt.Sprintf(`
Everything keeps running; Ctrl-C stops it and removes it. This page shows the
rows as they change. Its link holds a token, which is good for a day:

  %[8]s

  metrics    %[3]s/metrics
  readiness  %[3]s/readyz
  upstream   %[2]s (lists its endpoints, fates and faults)

Paste this in another terminal to submit a task and to insert its row, which
appears on the page at once:

  DB='%[1]s'
  SIM=%[2]s
  TASK=$(curl -s -H 'X-Simulate: success' -d '{"prompt":"rivers"}' $SIM%[6]s |
    sed 's/.*%[7]s\([^"]*\)".*/\1/')
  %[4]s "$DB" -c "INSERT INTO music_generations (user_id, task_id, task_type)
    VALUES ('%[9]s', '$TASK', 'generate')"

and this, again and again, to see in the database what becomes of it within %[5]s:

  %[4]s "$DB" -c "SELECT g.status, c.status AS clip, c.title, c.audio_url
    FROM music_generations g LEFT JOIN music_clips c ON c.generation_id = g.id
    WHERE g.task_id = '$TASK'"

`, s.server.URL(), s.simURL, s.adminURL, s.psql(), timeout, submit[0], submit[1], s.link, userID)
}
