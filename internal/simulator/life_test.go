package simulator

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tasksync/task"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// TestLives walks every fate of every task type over HTTP, phase by phase, and
// compares what a client sees with testdata/lives.golden.
func TestLives(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	var text strings.Builder
	for _, fate := range Fates() {
		for _, taskType := range []task.Type{task.Generate, task.Merge, task.Lyrics} {
			fmt.Fprintf(&text, "%s %s\n", fate, taskType)
			b.walk(t, &text, taskType, b.Submit(taskType, fate))
		}
	}
	const golden = "testdata/lives.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(text.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), text.String())
}

func (b *bundle) walk(t *testing.T, text *strings.Builder, taskType task.Type, id string) {
	t.Helper()
	subject, _ := b.subject(id)
	var before answer
	for i, p := range subject.life.phases {
		if i > 0 {
			b.clock.set(subject.submittedAt.Add(p.from - 1))
			require.Equal(t, before.text, b.status(t, taskType, id).text, "nothing happens between phases")
		}
		b.clock.set(subject.submittedAt.Add(p.from))
		before = b.status(t, taskType, id)
		fmt.Fprintf(text, "  %4ds %s\n", int(p.from.Seconds()), before.summary())
	}
	b.clock.set(subject.submittedAt.Add(1000 * time.Hour))
	require.Equal(t, before.text, b.status(t, taskType, id).text, "nothing happens after the last phase")
	r, _ := b.Task(id)
	fmt.Fprintf(text, "  => %s\n", summary(r.Expected))
}

// summary returns one line: the status, what fields each item shows, the error.
func (a answer) summary() string {
	if a.Data == nil {
		return fmt.Sprintf("code %d %s", a.Code, a.Msg)
	}
	words := []string{a.Data.Status}
	if a.Data.Response != nil && len(a.items()) == 0 {
		words = append(words, "[]")
	}
	for _, item := range a.items() {
		words = append(words, "["+looks.Replace(strings.Join(shown(item), " "))+"]")
	}
	if a.Data.ErrorCode != nil {
		words = append(words, fmt.Sprint(*a.Data.ErrorCode))
	}
	if a.Data.ErrorMessage != nil {
		words = append(words, *a.Data.ErrorMessage)
	}
	return strings.Join(words, " ")
}

// looks are short words for the usual sets of fields.
var looks = strings.NewReplacer(
	"audioUrl duration imageUrl prompt sourceAudioUrl sourceImageUrl sourceStreamAudioUrl streamAudioUrl tags", "all",
	"imageUrl prompt sourceImageUrl sourceStreamAudioUrl streamAudioUrl tags", "preview",
	"prompt tags", "text",
)

func shown(item map[string]any) (fields []string) {
	id, _ := item["id"].(string)
	if id != "" {
		fields = append(fields, id[:4])
	}
	for _, name := range slices.Sorted(maps.Keys(item)) {
		switch v := item[name]; {
		case name == "title" && v == id && id != "":
			fields = append(fields, "title=id")
		case name == "id":
		case name == "audioUrl" && v == sentinel:
			fields = append(fields, "audioUrl=sentinel")
		case name == "status":
			fields = append(fields, fmt.Sprint(v))
		case v != "" && v != nil && name != "createTime" && name != "modelName":
			fields = append(fields, name)
		}
	}
	return fields
}

func summary(e Expectation) string {
	words := []string{string(e.Status), string(e.ErrorCode), e.ErrorMessage}
	if e.AtDeadline {
		words = append(words, "at the deadline")
	}
	for _, c := range e.Clips {
		words = append(words, fmt.Sprintf("%s(title=%t audio=%t derive=%t)", c.Status, c.Title != "", c.AudioURL != "", c.Derive))
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// TestExpectedIsWhereEverySynchronizerArrives asks for tasks at random times, and once
// after their end, and merges the answers by the rules of the synchronizer: the result
// is the expected end.
func TestExpectedIsWhereEverySynchronizerArrives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clock := &clock{now: epoch}
		s := New(Config{Seed: rapid.Uint64Min(1).Draw(t, "seed"), Now: clock.Now})
		taskType, fate := rapid.SampledFrom(taskTypes).Draw(t, "task type"), rapid.SampledFrom(Fates()).Draw(t, "fate")
		id := s.Submit(taskType, fate)
		ages := rapid.SliceOfN(rapid.IntRange(0, 400), 0, 12).Draw(t, "ages")
		rows := follower{clips: map[string]Clip{}}
		for _, age := range append(slices.Sorted(slices.Values(ages)), 1000) {
			clock.set(epoch.Add(time.Duration(age) * time.Second))
			rows.see(t, s, taskType, id)
		}
		r, _ := s.Task(id)
		require.Equal(t, r.Expected.Status, rows.status(r.Expected.AtDeadline))
		require.Equal(t, r.Expected.ErrorMessage, rows.message)
		require.ElementsMatch(t, r.Expected.Clips, slices.Collect(maps.Values(rows.clips)))
	})
}

// follower is a small synchronizer: any value replaces an empty one, and an empty one
// replaces nothing.
type follower struct {
	clips   map[string]Clip
	ended   task.Status
	message string
}

func (f *follower) see(t require.TestingT, s *Simulator, taskType task.Type, id string) {
	subject, _ := s.subject(id)
	rep := s.status(sunoapi{}, id, func(*life) bool { return true })
	var a answer
	require.NoError(t, json.Unmarshal(rep.body, &a))
	if a.Data == nil {
		f.ended, f.message = task.Failed, a.Msg
		return
	}
	require.Equal(t, subject.life.id, a.Data.TaskID)
	if a.Data.ErrorMessage != nil {
		f.message = *a.Data.ErrorMessage
	}
	for i, item := range a.items() {
		f.merge(item, fmt.Sprintf("%s-lyrics-%d", id, i))
	}
	switch st := a.Data.Status; {
	case (st == "SUCCESS" || st == "CALLBACK_EXCEPTION") && len(a.items()) > 0:
		if !slices.ContainsFunc(slices.Collect(maps.Values(f.clips)), isDerived) {
			f.ended = task.Complete
		}
	case strings.HasSuffix(st, "_FAILED"), st == "SENSITIVE_WORD_ERROR":
		f.ended = task.Failed
	}
}

func (f *follower) merge(item map[string]any, placeholder string) {
	text := func(names ...string) string {
		for _, name := range names {
			if v, _ := item[name].(string); v != "" && v != sentinel {
				return v
			}
		}
		return ""
	}
	id := text("id")
	if id == "" {
		id = placeholder
	}
	c, seen := f.clips[id]
	if !seen {
		c = Clip{ClipID: id, Status: task.Complete}
	}
	join := func(field *string, value string) {
		if value != "" && value != id {
			*field = value
		}
	}
	join(&c.Title, text("title"))
	join(&c.AudioURL, text("audioUrl")) // the source's expires
	join(&c.StreamAudioURL, text("streamAudioUrl", "sourceStreamAudioUrl"))
	join(&c.ImageURL, text("imageUrl", "sourceImageUrl"))
	join(&c.Lyrics, text("prompt", "text"))
	join(&c.Tags, text("tags"))
	join(&c.ModelName, text("modelName"))
	if d, ok := item["duration"].(float64); ok {
		c.Duration = d
	}
	if item["status"] == "failed" {
		c.Status = task.Failed
	}
	c.Derive = id != placeholder && c.AudioURL == ""
	f.clips[id] = c
}

// status returns the status at the end, by the deadline if the provider has no end.
func (f *follower) status(deadline bool) task.Status {
	switch {
	case !deadline:
		return f.ended
	case f.ended != "":
		return "ended before the deadline"
	case len(f.clips) > 0:
		return task.Complete
	default:
		return task.Failed
	}
}

func TestTimesAreLifelike(t *testing.T) {
	t.Parallel()
	s := New(Config{Seed: 1})
	for range 300 {
		l, _ := s.subject(s.Submit(task.Generate, Success))
		for i, bounds := range [][2]int{{0, 0}, {10, 20}, {20, 40}, {60, 100}, {100, 170}} {
			age := l.life.phases[i].from.Seconds()
			require.GreaterOrEqual(t, age, float64(bounds[0]))
			require.LessOrEqual(t, age, float64(bounds[1]))
		}
		l, _ = s.subject(s.Submit(task.Lyrics, Success))
		require.InDelta(t, 7.5, l.life.last().from.Seconds(), 2.5)
	}
}

func TestSpeed(t *testing.T) {
	t.Parallel()
	finalAfter := func(speed float64) time.Duration {
		s := New(Config{Seed: 1, Speed: speed, Now: func() time.Time { return epoch }})
		r, _ := s.Task(s.Submit(task.Generate, Success))
		return r.FinalAt.Sub(r.SubmittedAt)
	}
	require.InDelta(t, float64(finalAfter(1)), 10*float64(finalAfter(10)), 10)
	require.Equal(t, finalAfter(1), finalAfter(-3))
	require.Zero(t, finalAfter(math.Inf(1)))

	b := setup(t, Config{Speed: math.Inf(1)})
	for _, fate := range []Fate{LateItems, UnknownStatus, RefusedPending, Regressing} {
		got := b.status(t, task.Generate, b.Submit(task.Generate, fate))
		require.Contains(t, []string{"SUCCESS", "GENERATE_AUDIO_FAILED"}, got.Data.Status, fate)
		require.Equal(t, fate != RefusedPending, len(got.items()) == 2)
	}
}

// With Lengths, a life keeps its phases and ends when it should.
func TestLengths(t *testing.T) {
	t.Parallel()
	s := New(Config{Seed: 1, Lengths: Lengths{Median: 200 * time.Second, Sigma: 0.35}, Now: func() time.Time { return epoch }})
	below := 0
	for range 400 {
		l, _ := s.subject(s.Submit(task.Generate, Success))
		require.Len(t, l.life.phases, 5)
		require.True(t, slices.IsSortedFunc(l.life.phases, func(a, b phase) int { return cmp.Compare(a.from, b.from) }))
		if l.life.last().from < 200*time.Second {
			below++
		}
	}
	require.InDelta(t, 200, below, 50)
	same := New(Config{Seed: 1, Lengths: Lengths{Median: time.Minute}, Now: func() time.Time { return epoch }})
	r, _ := same.Task(same.Submit(task.Generate, Success))
	require.InDelta(t, time.Minute.Seconds(), r.FinalAt.Sub(r.SubmittedAt).Seconds(), 0.001)
}

func TestRecordTellsWhatWasAsked(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	id := b.Submit(task.Generate, Success, NoFault, Malformed)
	r, _ := b.Task(id)
	require.Zero(t, r.AskedAt)

	b.clock.set(epoch.Add(time.Second))
	b.status(t, task.Generate, id)
	b.clock.set(r.FinalAt)
	b.do(t, http.MethodGet, statusPath(task.Generate, id), "")
	b.clock.set(r.FinalAt.Add(time.Second))
	b.status(t, task.Generate, id)
	b.status(t, task.Generate, id)

	r, _ = b.Task(id)
	require.Equal(t, 4, r.Asked)
	require.Equal(t, epoch.Add(time.Second), r.AskedAt)
	require.Equal(t, r.FinalAt.Add(time.Second), r.ToldAt, "the malformed answer told nothing")
	require.Equal(t, map[Fault]int{Malformed: 1}, r.Faults)
	_, ok := b.Task("nobody")
	require.False(t, ok)
}

// TestRefusalTexts compares the drawn texts with the corpus of real ones.
func TestRefusalTexts(t *testing.T) {
	t.Parallel()
	classes := map[string]task.Code{
		"producer_tag": task.ProducerTag, "copyrighted": task.Copyrighted, "inappropriate": task.InappropriateContent,
		"moderation": task.ModerationFlagged, "malformed": task.MalformedPrompt, "validation": task.InvalidRequest,
	}
	var corpus []struct{ Text, Class string }
	data, err := os.ReadFile("testdata/errors.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &corpus))
	code := map[string]task.Code{}
	for _, e := range corpus {
		code[e.Text] = classes[e.Class]
	}
	s := New(Config{Seed: 1})
	for _, fate := range Fates() {
		for i := range 40 {
			r, _ := s.Task(s.Submit(taskTypes[i%len(taskTypes)], fate))
			if e := r.Expected; e.Status == task.Failed && e.ErrorCode != task.APIError && e.ErrorMessage != "" {
				require.Equal(t, code[e.ErrorMessage], e.ErrorCode, e.ErrorMessage)
			}
		}
	}
}
