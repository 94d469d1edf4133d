package upstreamtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// testLives brings a task of every fate and type from its submit to its end, by Fetch
// and task.Decide over rows in memory, and compares the rows with what the provider
// knows.
func testLives(t *testing.T, w *world) {
	rows := &store{policy: w.subject.policy()}
	rows.policy.ProbeCDN = false
	for i, taskType := range w.subject.Types {
		for j, fate := range simulator.Fates() {
			rows.insert(w.sim.Submit(taskType, fate), taskType, w.clock.Now(), i+j)
		}
	}
	for passes := 0; len(rows.pending()) > 0; passes++ {
		require.Less(t, passes, 1000, "rows stay pending")
		w.advance(rows.next().Sub(w.clock.Now()))
		due := rows.due(w.clock.Now())
		seen, err := w.fetch(t.Context(), t, rows.refs(due)...)
		for _, r := range due {
			obs, ok := outcome(r.g.TaskID, seen, err)
			if !ok {
				obs = task.Observation{TaskID: r.g.TaskID, Failure: &task.Failure{Reason: task.ReasonNotReported}}
			}
			rows.sync(t, r, w.clock.Now(), obs)
		}
	}
	for _, r := range rows.rows {
		record, ok := w.sim.Task(r.g.TaskID)
		require.True(t, ok)
		r.verify(t, record)
	}
}

// store is a database of generations and their clips.
type store struct {
	policy task.Policy
	rows   []*row
}

type row struct {
	g        task.Generation
	clips    []task.Clip
	next     time.Time
	timedOut bool
}

// insert does as applications do: some insert placeholders, of either form, and some
// insert none.
func (s *store) insert(taskID string, taskType task.Type, now time.Time, form int) {
	r := &row{next: now, g: task.Generation{
		ID: fmt.Sprint(len(s.rows)), TaskID: taskID, Type: taskType, Status: task.Submitted, CreatedAt: now,
	}}
	for i := range s.policy.Handlers[taskType].Clips {
		id := task.PlaceholderID(taskID, taskType, i)
		if form%3 == 1 && taskType != task.Lyrics {
			id = fmt.Sprintf("%s-clip-%d", taskID, i+1)
		}
		if form%3 != 2 {
			r.clips = append(r.clips, task.Clip{ID: fmt.Sprint(r.g.ID, "/", i), GenerationID: r.g.ID, ClipID: id, Status: task.Submitted})
		}
	}
	s.rows = append(s.rows, r)
}

func (s *store) pending() []*row {
	return slices.DeleteFunc(slices.Clone(s.rows), func(r *row) bool { return !r.g.Status.Pending() })
}

func (s *store) due(now time.Time) []*row {
	return slices.DeleteFunc(s.pending(), func(r *row) bool { return r.next.After(now) })
}

func (s *store) next() time.Time {
	return slices.MinFunc(s.pending(), func(a, b *row) int { return a.next.Compare(b.next) }).next
}

// refs returns the tasks of rows, as the syncer asks for them.
func (s *store) refs(rows []*row) []task.Ref {
	refs := make([]task.Ref, len(rows))
	for i, r := range rows {
		refs[i] = task.Ref{TaskID: r.g.TaskID, Type: r.g.Type, Alone: r.g.Memory.Reason == task.ReasonNotReported}
		for _, c := range r.clips {
			if _, placeholder := s.policy.Handlers.PlaceholderNumber(c.ClipID); !placeholder {
				refs[i].ClipIDs = append(refs[i].ClipIDs, c.ClipID)
			}
		}
	}
	return refs
}

// sync decides about a row by obs and writes the decision.
func (s *store) sync(t *testing.T, r *row, now time.Time, obs task.Observation) {
	t.Helper()
	d := s.policy.Decide(now, r.g, r.clips, task.Seen{AskedAt: now, Vouch: task.Vouched, Observation: &obs})
	require.Empty(t, d.Probe)
	for _, c := range d.Clips {
		r.write(c)
	}
	r.g.Status, r.g.ErrorCode, r.g.ErrorMessage = d.Status, d.ErrorCode, d.ErrorMessage
	r.g.Memory, r.next, r.timedOut = d.Memory, d.Next, d.TimedOut
	require.Equal(t, d.Status.Terminal(), d.Next.IsZero())
}

func (r *row) write(c task.Clip) {
	if c.ID == "" {
		c.ID = fmt.Sprint(r.g.ID, "/", len(r.clips))
		r.clips = append(r.clips, c)
		return
	}
	at := slices.IndexFunc(r.clips, func(have task.Clip) bool { return have.ID == c.ID })
	r.clips[at] = c
}

// verify compares a row that has ended with the provider's own record.
func (r *row) verify(t *testing.T, record simulator.Record) {
	t.Helper()
	want := record.Expected
	what := fmt.Sprintf("%s %s: %s %s %q %+v", record.Type, record.Fate, r.g.Status, r.g.ErrorCode, r.g.ErrorMessage, r.clips)
	require.Equal(t, want.Status, r.g.Status, what)
	require.Equal(t, want.ErrorCode, r.g.ErrorCode, what)
	require.Equal(t, want.AtDeadline, r.timedOut, what)
	if want.ErrorMessage != "" {
		require.Equal(t, want.ErrorMessage, r.g.ErrorMessage, what)
	}
	if want.AtDeadline && want.Status == task.Failed {
		require.True(t, strings.HasPrefix(r.g.ErrorMessage, "Task timed out after 10 minutes."), what)
	}
	left := slices.Clone(r.clips)
	for _, c := range want.Clips {
		at := slices.IndexFunc(left, func(have task.Clip) bool { return have.ClipID == c.ClipID })
		require.GreaterOrEqual(t, at, 0, "clip %s is missing: %s", c.ClipID, what)
		got := clipOf(left[at])
		left = slices.Delete(left, at, at+1)
		require.Equal(t, settled(c, got), got, what)
	}
	for _, c := range left { // placeholders that nothing filled
		require.Equal(t, simulator.Clip{ClipID: c.ClipID, Status: task.Failed}, clipOf(c), what)
	}
}

// settled returns the expected clip, with what is left open settled by the clip got.
func settled(want, got simulator.Clip) simulator.Clip {
	want = want.Allow(got)
	if want.Derive {
		want.AudioURL, want.Derive = cmp.Or(want.AudioURL, task.CDNURL(want.ClipID)), false
	}
	return want
}

func clipOf(c task.Clip) simulator.Clip {
	return simulator.Clip{
		ClipID: c.ClipID, Status: c.Status, Title: c.Title, AudioURL: c.AudioURL, StreamAudioURL: c.StreamAudioURL,
		VideoURL: c.VideoURL, ImageURL: c.ImageURL, Lyrics: c.Lyrics, Tags: c.Tags, ModelName: c.ModelName, Duration: c.Duration,
	}
}
