package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"tasksync/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	epoch     = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	taskTypes = []task.Type{task.Generate, task.Extend, task.Replace, task.Merge, task.Lyrics}
)

// clock is a clock that only tests advance.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// bundle is a simulator behind a real server, with a clock.
type bundle struct {
	*Simulator
	clock  *clock
	url    string
	client *http.Client
}

func setup(t *testing.T, cfg Config) *bundle {
	t.Helper()
	b := &bundle{clock: &clock{now: epoch}}
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	if cfg.Now == nil {
		cfg.Now = b.clock.Now
	}
	b.Simulator = New(cfg)
	server := httptest.NewServer(b.Simulator)
	t.Cleanup(server.Close)
	t.Cleanup(b.Simulator.Close)
	b.url, b.client = server.URL, server.Client()
	return b
}

// do sends a request and returns the response with its whole body.
func (b *bundle) do(t *testing.T, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := b.client.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(text)
}

// call sends an API request and returns the envelope of its answer.
func (b *bundle) call(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	res, text := b.do(t, method, path, body, header...)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "application/json", res.Header.Get("Content-Type"))
	a := answer{text: text}
	require.NoError(t, json.Unmarshal([]byte(text), &a), text)
	return a
}

func (b *bundle) status(t *testing.T, taskType task.Type, id string, header ...string) answer {
	t.Helper()
	return b.call(t, http.MethodGet, statusPath(taskType, id), "", header...)
}

func statusPath(taskType task.Type, id string) string {
	if taskType == task.Lyrics {
		return "/api/v1/lyrics/record-info?taskId=" + id
	}
	return "/api/v1/generate/record-info?taskId=" + id
}

// answer is what a client of sunoapi.org reads; it shares no code with the
// encoder.
type answer struct {
	text string
	Code int    `json:"code"`
	Msg  string `json:"msg"`
	Data *struct {
		TaskID   string `json:"taskId"`
		Param    string `json:"param"`
		Parent   string `json:"parentMusicId"`
		Response *struct {
			SunoData []map[string]any `json:"sunoData"`
			Data     []map[string]any `json:"data"`
		} `json:"response"`
		Status       string  `json:"status"`
		ErrorCode    *int    `json:"errorCode"`
		ErrorMessage *string `json:"errorMessage"`
	} `json:"data"`
}

func (a answer) items() []map[string]any {
	if a.Data == nil || a.Data.Response == nil {
		return nil
	}
	return append(a.Data.Response.SunoData, a.Data.Response.Data...)
}

func TestSubmitInProcessAndOverHTTPAreTheSame(t *testing.T) {
	t.Parallel()
	a, b := setup(t, Config{Seed: 7}), setup(t, Config{Seed: 7})
	id := a.Submit(task.Generate, Reordered)
	over := b.call(t, http.MethodPost, "/api/v1/generate", `{"prompt":"x"}`, "X-Simulate", "Reordered")
	require.Equal(t, id, over.Data.TaskID)
	mine, _ := a.Task(id)
	theirs, _ := b.Task(id)
	require.Equal(t, mine, theirs)
}

func TestSeedDecidesEverything(t *testing.T) {
	t.Parallel()
	tasks := func(seed uint64, script Fate) []Record {
		s := New(Config{Seed: seed, Now: func() time.Time { return epoch }})
		s.Submit(task.Generate, "")
		s.Submit(task.Generate, script)
		for i := range 200 {
			s.Submit(taskTypes[i%len(taskTypes)], "")
		}
		return s.Tasks()
	}
	stuck, again := tasks(3, Stuck), tasks(3, Stuck)
	require.Equal(t, stuck, again)
	require.NotEqual(t, stuck, tasks(4, Stuck))

	artist := tasks(3, RefusedArtist)
	require.Equal(t, stuck[1].TaskID, artist[1].TaskID)
	require.NotEqual(t, stuck[1], artist[1])
	stuck[1], artist[1] = Record{}, Record{}
	require.Equal(t, stuck, artist, "a script shifts no other task")
}

func TestZeroSeedIsRandomAndTold(t *testing.T) {
	t.Parallel()
	a, b := New(Config{}), New(Config{})
	require.NotZero(t, a.Seed())
	require.NotEqual(t, a.Seed(), b.Seed())
	require.Equal(t, a.Submit(task.Generate, Success), New(Config{Seed: a.Seed()}).Submit(task.Generate, Success))
}

func TestMixIsTheDistributionOfFates(t *testing.T) {
	t.Parallel()
	s := New(Config{Seed: 1, Mix: Mix{Success: 3, Stuck: 1, Ready: -1}})
	n := map[Fate]int{}
	for range 4000 {
		s.Submit(task.Generate, "")
	}
	for _, r := range s.Tasks() {
		n[r.Fate]++
	}
	require.Len(t, n, 2)
	require.InDelta(t, 3000, n[Success], 120)

	empty := New(Config{Mix: Mix{}})
	r, _ := empty.Task(empty.Submit(task.Generate, ""))
	require.Equal(t, Success, r.Fate)
}

func TestDefaultMixHasEveryFate(t *testing.T) {
	t.Parallel()
	mix := DefaultMix()
	require.Len(t, mix, len(Fates()))
	var all, good float64
	for f, w := range mix {
		require.Positive(t, w, f)
		all += w
		if expectedOf(f).Status == task.Complete {
			good += w
		}
	}
	require.InDelta(t, 0.93, good/all, 0.03)
}

func expectedOf(f Fate) Expectation {
	s := New(Config{Seed: 1})
	r, _ := s.Task(s.Submit(task.Generate, f))
	return r.Expected
}

func TestNamesParse(t *testing.T) {
	t.Parallel()
	for _, f := range Fates() {
		got, err := ParseFate(" " + strings.ToUpper(strings.ReplaceAll(string(f), "_", "-")))
		require.NoError(t, err)
		require.Equal(t, f, got)
		e, _ := f.entry()
		require.NotEmpty(t, e.about)
	}
	for _, f := range Faults() {
		got, err := ParseFault(string(f))
		require.NoError(t, err)
		require.Equal(t, f, got)
		e, _ := f.entry()
		require.NotEmpty(t, e.about)
	}
	_, err := ParseFate("nonsense")
	require.EqualError(t, err, `unknown fate "nonsense"`)
	_, err = ParseFault("nonsense")
	require.EqualError(t, err, `unknown fault "nonsense"`)
	require.Panics(t, func() { New(Config{}).Submit(task.Generate, "nonsense") })
	require.Panics(t, func() { New(Config{}).Submit(task.Generate, Success, "nonsense") })
	require.Panics(t, func() { New(Config{}).Outage("nonsense") })
}

func TestManyClientsAtOnce(t *testing.T) {
	t.Parallel()
	const clients, each = 8, 40
	b := setup(t, Config{FaultRate: 0.2, FaultMix: FaultMix{HTTP500: 1, Cut: 1, Malformed: 1, Maintenance: 1}, Speed: 1000, Now: time.Now})
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for range each {
				taskType := taskTypes[c%len(taskTypes)]
				id := b.Submit(taskType, "")
				for range 3 {
					res, err := b.client.Get(b.url + statusPath(taskType, id))
					if err == nil {
						_, _ = io.Copy(io.Discard, res.Body)
						_ = res.Body.Close()
					}
				}
				b.Requests()
				b.Task(id)
			}
		})
	}
	wg.Wait()

	ids, asked, faults := map[string]bool{}, 0, 0
	for _, r := range b.Tasks() {
		ids[r.TaskID] = true
		asked += r.Asked
		for _, n := range r.Faults {
			faults += n
		}
	}
	require.Len(t, ids, clients*each)
	require.Equal(t, clients*each*3, asked)
	require.EqualValues(t, asked, b.Requests().Total)
	require.InDelta(t, 0.2, float64(faults)/float64(asked), 0.06)
}

func BenchmarkStatus(b *testing.B) {
	s := New(Config{Seed: 1})
	var ids []string
	for range 1000 {
		ids = append(ids, s.Submit(task.Generate, Ready))
	}
	for i := 0; b.Loop(); i++ {
		r := httptest.NewRequest(http.MethodGet, statusPath(task.Generate, ids[i%len(ids)]), nil)
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
}

func BenchmarkSubmit(b *testing.B) {
	s := New(Config{Seed: 1})
	for b.Loop() {
		s.Submit(task.Generate, Success)
	}
}
