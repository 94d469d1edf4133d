package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// The whole command: its own Postgres, simulator and daemon.
func TestDemo(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	cmd := demoProcess(t, "--json", "--seed", "11")
	cmd.Stdout, cmd.Stderr = &out, &errOut
	require.NoError(t, cmd.Run(), "%s\n%s", &errOut, &out)
	var result demoResult
	require.NoError(t, json.Unmarshal(out.Bytes(), &result), &out)
	require.True(t, result.OK)
	require.EqualValues(t, 11, result.Seed)
	require.Len(t, result.Rows, len(demoScript))
	for i, row := range result.Rows {
		require.Equal(t, demoScript[i].fate, row.Fate)
		require.Empty(t, row.Differs)
		require.Equal(t, row.Type != "", row.Status.Terminal())
	}
	require.Equal(t, len(demoScript), result.Totals.AsScripted)
	require.Equal(t, 1, result.Totals.Untouched)
	require.Positive(t, result.Totals.RequestsPerRow)
	require.Equal(t, 10, result.Totals.Faults)
	require.Less(t, result.TookSeconds, 60.0)
	require.Contains(t, errOut.String(), "seed 11\n")
}

func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cmd := demoProcess(t, "--json")
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "1 s ") { // it is inserting rows
	}
	stopped := time.Now()
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(stderr)
	require.NoError(t, err)
	require.Error(t, cmd.Wait())
	require.Less(t, time.Since(stopped), 10*time.Second)
	require.Equal(t, 130, cmd.ProcessState.ExitCode())
	require.Contains(t, string(rest), "tasksync: interrupted; everything is stopped, and nothing is left behind\n")
	require.Empty(t, out.String())
}

// demoProcess is the command in a process of its own, without a terminal. If the
// test ends before it, so does its Postgres.
func demoProcess(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"demo"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// rowAsScripted is the row that a right synchronizer makes of a part.
func rowAsScripted(sim *simulator.Simulator, part demoPart) demoRow {
	record, _ := sim.Task(sim.Submit(part.kind, part.fate))
	want := record.Expected
	r := demoRow{
		ID: "0b64d2f1-6f4e-4d5b-9a53-4a41e51a4d6b", TaskID: record.TaskID, Type: part.kind, Fate: part.fate, Faults: part.faults,
		Status: want.Status, ErrorCode: want.ErrorCode, ErrorMessage: want.ErrorMessage, Via: "poll", Requests: 12,
		CreatedAt: time.Now(), CompletedAt: time.Now(), TookSeconds: 20.4, record: record, ends: 1,
	}
	for _, c := range want.Clips {
		if c.Derive {
			c.Derive, c.AudioURL = false, "https://cdn1.suno.ai/"+c.ClipID+".mp3"
		}
		r.Clips = append(r.Clips, c)
	}
	if want.AtDeadline {
		r.Via = "timeout"
	}
	if want.Status == task.Failed && want.AtDeadline {
		r.ErrorMessage = "Task timed out after 20s."
	} else if want.Status == task.Failed && want.ErrorMessage == "" {
		r.ErrorMessage = "The provider failed the task without saying why."
	}
	return r
}

func TestCompareAcceptsWhatIsScripted(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{Seed: 1, Speed: math.Inf(1)})
	seen := map[simulator.Fate]bool{simulator.Forgotten: true} // see demoScript
	for _, part := range demoScript {
		seen[part.fate] = true
		if part.kind == "" {
			continue
		}
		row := rowAsScripted(sim, part)
		require.Empty(t, row.compare(), part)
		row.Clips = append(row.Clips, simulator.Clip{ClipID: "x-clip-2", Status: task.Failed})
		require.Empty(t, row.compare(), "a placeholder that nothing filled")
	}
	for _, fate := range simulator.Fates() {
		require.True(t, seen[fate], "%s is missing", fate)
	}
}

func TestCompareFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{Seed: 1, Speed: math.Inf(1)})
	clip := func(change func(*simulator.Clip)) func(*demoRow) { return func(r *demoRow) { change(&r.Clips[1]) } }
	add := func(c simulator.Clip) func(*demoRow) { return func(r *demoRow) { r.Clips = append(r.Clips, c) } }
	for _, tc := range []struct {
		fate   simulator.Fate
		breaks func(*demoRow)
		want   string
	}{
		{simulator.Success, func(r *demoRow) { r.Status = task.Streaming }, "status is"},
		{simulator.Success, func(r *demoRow) { r.ErrorCode = task.APIError }, "error_code is"},
		{simulator.Success, func(r *demoRow) { r.ErrorMessage = "x" }, "error_message is"},
		{simulator.Success, func(r *demoRow) { r.ends = 2 }, "number of ends"},
		{simulator.Success, func(r *demoRow) { r.blanks = 1 }, "empty and not NULL"},
		{simulator.RefusedArtist, func(r *demoRow) { r.ErrorCode = task.APIError }, "error_code is"},
		{simulator.RefusedArtist, func(r *demoRow) { r.ErrorMessage = "x" }, "error_message is"},
		{simulator.RefusedSilently, func(r *demoRow) { r.ErrorMessage = "" }, "error_message is"},
		{simulator.Stuck, func(r *demoRow) { r.Via = "poll" }, "via is"},
		{simulator.Stuck, func(r *demoRow) { r.ErrorMessage = "Task timed out after 10 minutes." }, "error_message is"},
		{simulator.StuckStreaming, clip(func(c *simulator.Clip) { c.AudioURL = "" }), "audio_url is"},
		{simulator.Success, clip(func(c *simulator.Clip) { c.Status = task.Streaming }), "status is"},
		{simulator.Success, clip(func(c *simulator.Clip) { c.Title = "" }), "title is"},
		{simulator.Success, clip(func(c *simulator.Clip) { c.AudioURL += "x" }), "audio_url is"},
		{simulator.Success, clip(func(c *simulator.Clip) { c.StreamAudioURL = "" }), "stream_audio_url is"},
		{simulator.Success, clip(func(c *simulator.Clip) { c.VideoURL = "x" }), "video_url is"},
		{simulator.Success, clip(func(c *simulator.Clip) { c.ImageURL = "" }), "image_url is"},
		{simulator.Success, clip(func(c *simulator.Clip) { c.Lyrics = "" }), "lyrics is"},
		{simulator.Success, clip(func(c *simulator.Clip) { c.Tags = "" }), "tags is"},
		{simulator.Success, clip(func(c *simulator.Clip) { c.ModelName = "" }), "model_name is"},
		{simulator.Success, clip(func(c *simulator.Clip) { c.Duration++ }), "duration is"},
		{simulator.Success, func(r *demoRow) { r.Clips = r.Clips[:1] }, "is missing"},
		{simulator.Success, func(r *demoRow) { r.Clips = append(r.Clips, r.Clips[0]) }, "none of the task's"},
		{simulator.Success, add(simulator.Clip{ClipID: "other", Status: task.Failed}), "none of the task's"},
		{simulator.Success, add(simulator.Clip{ClipID: "x-generate-1", Status: task.Submitted}), "status is"},
		{simulator.RefusedArtist, add(simulator.Clip{ClipID: "x-generate-1", Status: task.Failed, Title: "x"}), "title is"},
	} {
		row := rowAsScripted(sim, demoPart{kind: task.Generate, fate: tc.fate})
		tc.breaks(&row)
		differs := row.compare()
		require.Len(t, differs, 1, "%s: %s", tc.fate, tc.want)
		require.Contains(t, differs[0], tc.want)

		row.Differs = differs
		result := newDemoResult([]demoRow{row}, sim)
		require.False(t, result.OK)
		var out bytes.Buffer
		require.NoError(t, result.print(&streams{out: &out}, false))
		require.Contains(t, out.String(), "did not end as scripted")
		require.Contains(t, out.String(), differs[0])
	}
}

// What is compared is what is in the database.
func TestDemoReadsRowsAgain(t *testing.T) {
	t.Parallel()
	app := &demoApp{db: postgrestest.Pool(t), sim: simulator.New(simulator.Config{Seed: 1, Speed: math.Inf(1)})}
	require.NoError(t, app.insert(t.Context(), 0, demoPart{kind: task.Generate, fate: simulator.Stuck}))
	require.NoError(t, app.insert(t.Context(), 1, demoPart{fate: simulator.Ready}))
	read := func() (stuck, v1 demoRow) {
		rows, err := app.results(t.Context())
		require.NoError(t, err)
		require.Len(t, rows, 2)
		return rows[0], rows[1]
	}
	stuck, v1 := read()
	require.NotEmpty(t, stuck.Differs)
	require.Equal(t, "0/2", stuck.clips())
	require.Equal(t, "-", stuck.took())
	require.Empty(t, v1.Differs)

	for _, sql := range []string{
		`UPDATE music_generations SET status = 'failed', error_code = 'API_ERROR', error_message = 'Task timed out after 20s.',
			completed_at = now() WHERE task_type IS NOT NULL`,
		`UPDATE music_clips SET status = 'failed' WHERE clip_id LIKE '%-generate-%'`,
		`INSERT INTO tasksync.generation_events (generation_id, from_status, to_status, via)
			SELECT id, 'submitted', status, 'timeout' FROM music_generations WHERE task_type IS NOT NULL`,
	} {
		_, err := app.db.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	stuck, v1 = read()
	require.Empty(t, stuck.Differs)
	require.Equal(t, "failed API_ERROR, timeout", stuck.became())
	require.Empty(t, v1.Differs)

	_, err := app.db.Exec(t.Context(), `UPDATE music_clips SET tags = ''`)
	require.NoError(t, err)
	stuck, v1 = read()
	require.Len(t, stuck.Differs, 1)
	require.Contains(t, stuck.Differs[0], "empty and not NULL is 2")
	require.Len(t, v1.Differs, 1, "somebody touched the V1 row")
}

func TestDemoReportFitsATerminal(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{Seed: math.MaxUint64, Speed: math.Inf(1)})
	var rows []demoRow
	for _, part := range demoScript {
		if part.kind != "" {
			rows = append(rows, rowAsScripted(sim, part))
		}
	}
	rows = append(rows, demoRow{ID: "0b64d2f1-6f4e-4d5b-9a53-4a41e51a4d6b", Status: task.Submitted, Clips: []simulator.Clip{{}}})
	result := newDemoResult(rows, sim)
	require.True(t, result.OK)
	var out bytes.Buffer
	require.NoError(t, result.print(&streams{out: &out}, false))
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, line)
	}
	standing := demoStanding{inserted: 53, pending: 53, complete: 53, failed: 53, requests: 999}
	require.LessOrEqual(t, len(standing.line(time.Now())), 80)
}

func TestSpread(t *testing.T) {
	t.Parallel()
	require.Zero(t, spreadOf(nil))
	require.Equal(t, demoSpread{1, 1, 1}, spreadOf([]time.Duration{time.Second}))
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(100-i)*time.Second)
	}
	require.Equal(t, demoSpread{50, 95, 100}, spreadOf(times))
	require.Equal(t, "   20 ms   1.50 s  10.00 s", demoSpread{0.02, 1.5, 10}.String())
}
