package demo

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
	"tasksync/upstream/sunoapi"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// The whole demo: its own Postgres, simulator and daemon.
func TestRun(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	ok, err := Run(t.Context(), Config{Provider: sunoapi.SunoAPI(), Seed: 11, JSON: true, Out: &out, Err: &errOut})
	require.NoError(t, err, "%s\n%s", &errOut, &out)
	require.True(t, ok, "%s\n%s", &errOut, &out)
	var r result
	require.NoError(t, json.Unmarshal(out.Bytes(), &r), &out)
	require.True(t, r.OK)
	require.EqualValues(t, 11, r.Seed)
	require.Len(t, r.Rows, len(script))
	for i, row := range r.Rows {
		require.Equal(t, script[i].fate, row.Fate)
		require.Empty(t, row.Differs)
		require.Equal(t, row.Type != "", row.Status.Terminal())
	}
	require.Equal(t, len(script), r.Totals.AsScripted)
	require.Equal(t, 1, r.Totals.Untouched)
	require.Positive(t, r.Totals.RequestsPerRow)
	require.Equal(t, 10, r.Totals.Faults)
	require.Less(t, r.TookSeconds, 60.0)
	require.Contains(t, errOut.String(), "seed 11\n")
}

// rowAsScripted is the row that a right synchronizer makes of a part.
func rowAsScripted(sim *simulator.Simulator, p part) row {
	record, _ := sim.Task(sim.Submit(p.taskType, p.fate))
	want := record.Expected
	r := row{
		ID: "0b64d2f1-6f4e-4d5b-9a53-4a41e51a4d6b", TaskID: record.TaskID, Type: p.taskType, Fate: p.fate, Faults: p.faults,
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
	seen := map[simulator.Fate]bool{simulator.Forgotten: true} // see script
	for _, p := range script {
		seen[p.fate] = true
		if p.taskType == "" {
			continue
		}
		row := rowAsScripted(sim, p)
		require.Empty(t, row.compare(), p)
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
	clip := func(change func(*simulator.Clip)) func(*row) { return func(r *row) { change(&r.Clips[1]) } }
	add := func(c simulator.Clip) func(*row) { return func(r *row) { r.Clips = append(r.Clips, c) } }
	for _, tc := range []struct {
		fate   simulator.Fate
		breaks func(*row)
		want   string
	}{
		{simulator.Success, func(r *row) { r.Status = task.Streaming }, "status is"},
		{simulator.Success, func(r *row) { r.ErrorCode = task.APIError }, "error_code is"},
		{simulator.Success, func(r *row) { r.ErrorMessage = "x" }, "error_message is"},
		{simulator.Success, func(r *row) { r.ends = 2 }, "number of ends"},
		{simulator.Success, func(r *row) { r.blanks = 1 }, "empty and not NULL"},
		{simulator.RefusedArtist, func(r *row) { r.ErrorCode = task.APIError }, "error_code is"},
		{simulator.RefusedArtist, func(r *row) { r.ErrorMessage = "x" }, "error_message is"},
		{simulator.RefusedSilently, func(r *row) { r.ErrorMessage = "" }, "error_message is"},
		{simulator.Stuck, func(r *row) { r.Via = "poll" }, "via is"},
		{simulator.Stuck, func(r *row) { r.ErrorMessage = "Task timed out after 10 minutes." }, "error_message is"},
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
		{simulator.Success, func(r *row) { r.Clips = r.Clips[:1] }, "is missing"},
		{simulator.Success, func(r *row) { r.Clips = append(r.Clips, r.Clips[0]) }, "none of the task's"},
		{simulator.Success, add(simulator.Clip{ClipID: "other", Status: task.Failed}), "none of the task's"},
		{simulator.Success, add(simulator.Clip{ClipID: "x-generate-1", Status: task.Submitted}), "status is"},
		{simulator.RefusedArtist, add(simulator.Clip{ClipID: "x-generate-1", Status: task.Failed, Title: "x"}), "title is"},
	} {
		broken := rowAsScripted(sim, part{taskType: task.Generate, fate: tc.fate})
		tc.breaks(&broken)
		differs := broken.compare()
		require.Len(t, differs, 1, "%s: %s", tc.fate, tc.want)
		require.Contains(t, differs[0], tc.want)

		broken.Differs = differs
		r := newResult([]row{broken}, sim)
		require.False(t, r.OK)
		var out bytes.Buffer
		require.NoError(t, r.print(&out, false, false))
		require.Contains(t, out.String(), "did not end as scripted")
		require.Contains(t, out.String(), differs[0])
	}
}

// What is compared is what is in the database.
func TestRowsAreReadAgain(t *testing.T) {
	t.Parallel()
	a := &app{db: postgrestest.Pool(t), sim: simulator.New(simulator.Config{Seed: 1, Speed: math.Inf(1)})}
	require.NoError(t, a.insert(t.Context(), 0, part{taskType: task.Generate, fate: simulator.Stuck}))
	require.NoError(t, a.insert(t.Context(), 1, part{fate: simulator.Ready}))
	read := func() (stuck, v1 row) {
		rows, err := a.results(t.Context())
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
		_, err := a.db.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	stuck, v1 = read()
	require.Empty(t, stuck.Differs)
	require.Equal(t, "failed API_ERROR, timeout", stuck.became())
	require.Empty(t, v1.Differs)

	_, err := a.db.Exec(t.Context(), `UPDATE music_clips SET tags = ''`)
	require.NoError(t, err)
	stuck, v1 = read()
	require.Len(t, stuck.Differs, 1)
	require.Contains(t, stuck.Differs[0], "empty and not NULL is 2")
	require.Len(t, v1.Differs, 1, "the V1 row has changed")
}

func TestReportFitsATerminal(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{Seed: math.MaxUint64, Speed: math.Inf(1)})
	var rows []row
	for _, p := range script {
		if p.taskType != "" {
			rows = append(rows, rowAsScripted(sim, p))
		}
	}
	rows = append(rows, row{ID: "0b64d2f1-6f4e-4d5b-9a53-4a41e51a4d6b", Status: task.Submitted, Clips: []simulator.Clip{{}}})
	r := newResult(rows, sim)
	require.True(t, r.OK)
	var out bytes.Buffer
	require.NoError(t, r.print(&out, false, false))
	for line := range strings.Lines(strings.ReplaceAll(out.String(), os.Args[0], "bin/tasksync")) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, line)
	}
	for line := range strings.Lines(next("bin/tasksync")) {
		require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 80, line)
	}
	var coloured bytes.Buffer
	require.NoError(t, r.print(&coloured, false, true))
	require.Contains(t, coloured.String(), green+"complete"+plain)
	require.Contains(t, coloured.String(), red+"failed API_ERROR"+plain)
	require.Equal(t, out.String(), strings.NewReplacer(green, "", red, "", bold, "", plain, "").Replace(coloured.String()))
	c := counts{inserted: 53, pending: 53, complete: 53, failed: 53, requests: 999}
	require.LessOrEqual(t, len(c.line(time.Now())), 80)
}

func TestSpread(t *testing.T) {
	t.Parallel()
	require.Zero(t, spreadOf(nil))
	require.Equal(t, spread{1, 1, 1}, spreadOf([]time.Duration{time.Second}))
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(100-i)*time.Second)
	}
	require.Equal(t, spread{50, 95, 100}, spreadOf(times))
	require.Equal(t, "   20 ms   1.50 s  10.00 s", spread{0.02, 1.5, 10}.String())
}
