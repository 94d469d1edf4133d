package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/daemon"
	"tasksync/internal/simulator"
)

// command runs a command on the world's database, with the settings of its daemons.
func (w *world) command(t *testing.T, exit int, args ...string) (out, errOut string) {
	t.Helper()
	var stdout, stderr strings.Builder
	args = append([]string{args[0], "--database-url", w.url, "--api-url", w.api.URL, "--api-key", "key-of-the-end-to-end-test", "--provider", w.provider}, args[1:]...)
	require.Equal(t, exit, run(args, &stdout, &stderr), "%v: %s%s", args, &stdout, &stderr)
	return stdout.String(), stderr.String()
}

func (w *world) explain(t *testing.T, id string) daemon.Story {
	t.Helper()
	out, _ := w.command(t, exitOK, "explain", id, "--json")
	var stories []daemon.Story
	require.NoError(t, json.Unmarshal([]byte(out), &stories), out)
	require.Len(t, stories, 1, out)
	for _, secret := range simulator.Planted() {
		require.NotContains(t, out, secret)
	}
	return stories[0]
}

// What happened to a row is told by any of its ids: how it was heard of, each look with
// the provider's word, each change, the clips, and the last answer without its texts.
func TestExplainTellsTheStoryOfARow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	addr := d.ready(t)
	good, bad := w.add(t, 1, simulator.Success, 0)[0], w.add(t, 1, simulator.RefusedCopyright, 0)[0]
	w.await(t, d, "its looks are kept", func() bool {
		s := w.explain(t, good)
		return len(s.Looks) > 0 && len(s.Jobs) > 0
	})
	s := w.explain(t, good)
	require.Equal(t, "under_way", s.Reason)
	require.NotNil(t, s.NextLook)
	require.WithinDuration(t, s.CreatedAt.Add(10*time.Minute), *s.Deadline, time.Second)
	require.Equal(t, "notify", s.Heard.By)

	w.finish()
	w.complete(t, d, worldPatience, good)
	w.await(t, d, "its last look is kept", func() bool {
		s = w.explain(t, good)
		return s.Looks[len(s.Looks)-1].Status == "complete"
	})
	last := s.Looks[len(s.Looks)-1]
	require.Equal(t, "SUCCESS", last.Said)
	require.Equal(t, http.StatusOK, last.Code)
	require.Equal(t, 2, last.Items)
	require.Equal(t, "first", s.Looks[0].Why)
	require.Contains(t, string(s.Answer.Body), `"SUCCESS"`)
	require.Contains(t, string(s.Answer.Body), " characters)")
	require.Len(t, s.Clips, 2)
	require.Equal(t, s.ID, w.explain(t, s.Clips[0].ClipID).ID)
	require.Equal(t, s.ID, w.explain(t, s.Clips[1].ID).ID)
	require.Equal(t, good, w.explain(t, s.ID).TaskID)
	kinds := map[string]bool{}
	for i, l := range s.Lines {
		kinds[l.Kind] = true
		require.True(t, i == 0 || !l.At.Before(s.Lines[i-1].At))
	}
	require.Subset(t, kinds, map[string]bool{"inserted": true, "heard": true, "look": true, "change": true})

	w.await(t, d, "the other one has failed", func() bool { return w.explain(t, bad).Reason == "failed" })
	require.Equal(t, "COPYRIGHTED", w.explain(t, bad).Events[len(w.explain(t, bad).Events)-1].ErrorCode)
	out, _ := w.command(t, exitOK, "explain", bad)
	for _, want := range []string{"failed: COPYRIGHTED", "tasksync retry " + w.explain(t, bad).ID, "tasksync heard of it by notify", "look (", "last answer (HTTP 200"} {
		require.Contains(t, out, want)
	}
	status, body := get(t, "http://"+addr+"/admin/generations/"+bad)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `"errorCode":"COPYRIGHTED"`)
	status, body = get(t, "http://"+addr+"/console")
	require.Equal(t, http.StatusNotFound, status, "it is off")
	require.Contains(t, body, "TASKSYNC_CONSOLE_PASSWORD")
	_, said := w.command(t, exitFailed, "explain", "no-such-id")
	require.Contains(t, said, "no row has this id")

	out, _ = w.command(t, exitOK, "ls", "--failed")
	require.Contains(t, out, "COPYRIGHTED: ")
	require.NotContains(t, out, s.ID)
	out, _ = w.command(t, exitOK, "ls", "--user", s.UserID, "--json")
	require.Contains(t, out, s.ID)
	require.NotContains(t, out, "COPYRIGHTED")
	out, _ = w.command(t, exitOK, "ls", "--code", "API_ERROR")
	require.Equal(t, "no rows\n", out)
	out, said = w.command(t, exitOK, "sync", good)
	require.Contains(t, out, s.ID)
	require.Contains(t, said, "tasksync retry ID")
	require.Zero(t, d.stop(t), tail(d.output()))
}

// With 0, nothing of the looks is kept, and the rest of the story is told.
func TestLooksThatAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.finish()
	d := start(t, w.with("TASKSYNC_KEEP_ANSWERS", "0"), "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.finish()
	w.complete(t, d, worldPatience, id)
	require.Zero(t, d.stop(t), tail(d.output()))
	require.Zero(t, w.count(t, `SELECT count(*) FROM tasksync.generation_looks`))
	s := w.explain(t, id)
	require.Empty(t, s.Looks)
	require.NotEmpty(t, s.Events)
}

// The console is on the admin address alone, and its password must be worth the name.
func TestConsoleOfADaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with("TASKSYNC_CONSOLE_PASSWORD", "short"), "run")
	<-d.done
	require.Equal(t, exitUsage, d.cmd.ProcessState.ExitCode())
	require.Contains(t, d.output(), "TASKSYNC_CONSOLE_PASSWORD is shorter than 12 characters")
	d = start(t, w.with("TASKSYNC_CONSOLE_PROXIES", "everywhere"), "run")
	<-d.done
	require.Equal(t, exitUsage, d.cmd.ProcessState.ExitCode())

	d = start(t, w.with("TASKSYNC_CONSOLE_PASSWORD", "long enough for a test"), "run")
	addr := d.ready(t)
	status, body := get(t, "http://"+addr+"/console/")
	require.Equal(t, http.StatusUnauthorized, status)
	require.Contains(t, body, "Sign in")
	public := regexp.MustCompile(`"listen_addr":"([^"]+)"`).FindStringSubmatch(d.output())[1]
	for _, path := range []string{"/console/", "/admin/generations/x", "/console/api/overview"} {
		status, _ = get(t, "http://"+public+path)
		require.Equal(t, http.StatusNotFound, status, path)
	}
	require.NotContains(t, d.output(), "long enough for a test")
	require.Zero(t, d.stop(t), tail(d.output()))
}

// effect is a line of the console about what follows from an end.
type effect struct{ Name, State, Next string }

// The overview says how settlements, webhooks and the archive stand.
func TestConsoleShowsWhatFollowsAnEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.exec(t, `CREATE FUNCTION settle(uuid, integer, text, text, jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'no account'; END $$`)
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m", "TASKSYNC_CONSOLE_PROXY_HEADER", "X-Forwarded-User", "TASKSYNC_SETTLE", "public.settle",
		"TASKSYNC_NOTIFY_URL", "http://127.0.0.1:9", "TASKSYNC_NOTIFY_SECRET", "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32))), "run")
	addr := d.ready(t)
	tasks := w.add(t, 1, simulator.Success, 0)
	w.finish()
	w.complete(t, d, time.Minute, tasks...)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/console/api/overview", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("X-Forwarded-User", "operator")
	var said struct{ Effects []effect }
	w.await(t, d, "the overview says it", func() bool {
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&said))
		return slices.Equal(said.Effects, []effect{
			{Name: "Settlements", State: "1 quarantined", Next: "tasksync settle list"},
			{Name: "Webhooks", State: "1 to be sent, 0 dead"},
			{Name: "Archive", State: "off"},
		})
	})
}

// Rows that do not go on are found, and nothing else.
func TestStuckRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	_, said := w.command(t, exitUsage, "ls", "--stuck", "--failed")
	require.Contains(t, said, "--stuck stands alone")
	_, said = w.command(t, exitUsage, "ls", "--user", "somebody")
	require.Contains(t, said, "UUID")
	late, young := w.add(t, 1, simulator.Success, time.Hour)[0], w.add(t, 1, simulator.Success, 0)[0]
	odd := w.add(t, 1, simulator.Success, 0)[0]
	w.exec(t, `UPDATE music_generations SET task_type = 'dance' WHERE task_id = $1`, odd)
	out, _ := w.command(t, exitOK, "ls", "--stuck", "--json")
	var rows []lsLine
	require.NoError(t, json.Unmarshal([]byte(out), &rows))
	require.Len(t, rows, 2, out)
	require.Equal(t, []string{late, odd}, []string{rows[0].TaskID, rows[1].TaskID})
	require.Equal(t, []string{"overdue", "unknown_type"}, []string{rows[0].Reason, rows[1].Reason})
	out, _ = w.command(t, exitOK, "ls", "--pending")
	require.Contains(t, out, w.rowOf(young))
	out, _ = w.command(t, exitOK, "pending", "--in-grace")
	require.Equal(t, "no rows\n", out, "no look was made")
	_, said = w.command(t, exitUsage, "pending", "--watch")
	require.Contains(t, said, "needs a terminal")
}

// rowOf is the id of the row of a task.
func (w *world) rowOf(taskID string) string {
	for id, t := range w.rows {
		if t == taskID {
			return id
		}
	}
	return ""
}
