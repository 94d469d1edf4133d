package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
)

const remix task.Type = "remix"

// ownAdapter is the adapter of a provider that no package has. Every task is complete.
type ownAdapter struct {
	paused      atomic.Bool
	asked       atomic.Int32
	minInterval time.Duration
}

func (a *ownAdapter) Limits() upstream.Limits {
	return upstream.Limits{Batch: 20, MinInterval: a.minInterval}
}

func (a *ownAdapter) Paused() (reason string, until time.Time, paused bool) {
	return "no money", time.Now().Add(time.Minute), a.paused.Load()
}

func (a *ownAdapter) Fetch(_ context.Context, refs []task.Ref) (seen []task.Observation, _ error) {
	a.asked.Add(1)
	for _, ref := range refs {
		obs := task.Observation{TaskID: ref.TaskID, Status: task.Complete}
		for i := range 3 {
			obs.Items = append(obs.Items, task.Item{AudioURL: fmt.Sprintf("https://audio.example/%s-%d.mp3", ref.TaskID, i)})
		}
		seen = append(seen, obs)
	}
	return seen, nil
}

// own returns a provider of the program's own, in process and without a key.
func own(name string) upstream.Provider { return (&ownAdapter{}).provider(name) }

func (a *ownAdapter) provider(name string) upstream.Provider {
	return upstream.Provider{
		Name: name, BaseURL: "in process", Keyless: true,
		New: func(upstream.Config) (upstream.Adapter, error) { return a, nil },
		VerifyCallback: func(secret string, header http.Header, taskID string, _ time.Time) error {
			if header.Get("X-Signature") != secret+" "+taskID {
				return errors.New("the signature is another's")
			}
			return nil
		},
	}
}

// insertRemix makes a row of a task type that the specification does not have.
func (b *bundle) insertRemix(taskID, provider string) (id string) {
	b.Helper()
	var clips []string
	for i := range 3 {
		clips = append(clips, task.PlaceholderID(taskID, remix, i))
	}
	require.NoError(b, b.pool.QueryRow(context.Background(), `
		WITH g AS (INSERT INTO music_generations (task_id, task_type, provider) VALUES ($1, 'remix', nullif($2, '')) RETURNING id),
		     c AS (INSERT INTO music_clips (generation_id, clip_id) SELECT g.id, unnest($3::text[]) FROM g)
		SELECT id FROM g`, taskID, provider, clips).Scan(&id))
	return id
}

// TestProviderOfOnesOwn: a provider of the program's own is like any other, and so is
// a task type.
func TestProviderOfOnesOwn(t *testing.T) {
	t.Parallel()
	for place, providers := range map[string]func(mine, other Provider) []Provider{
		"first":  func(mine, other Provider) []Provider { return []Provider{mine, other} },
		"second": func(mine, other Provider) []Provider { return []Provider{other, mine} },
	} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			mine := &ownAdapter{}
			cfg := b.config()
			cfg.Providers = providers(Provider{Provider: mine.provider("mine"), WebhookSecret: "hunter2"}, cfg.Providers[0])
			cfg.API.WebhookTokens = []string{webhookTest}
			cfg.Handlers = task.DefaultHandlers()
			cfg.Handlers[remix] = task.Handler{Clips: 3}
			r := b.run(cfg)
			ids := []string{b.insertRemix("named", "mine")}
			if place == "first" {
				ids = append(ids, b.insertRemix("default", ""))
			}
			b.until("they are done", func() bool { return b.done(ids...) })
			require.Equal(t, 3*len(ids), b.count(`SELECT count(*) FROM music_clips WHERE status = 'complete' AND clip_id LIKE '%-remix-%' AND audio_url <> ''`))

			require.True(t, r.ready())
			mine.paused.Store(true)
			b.until("readiness says so", func() bool { return strings.Contains(r.reasons()["upstream mine"], "no money") })
			for signature, want := range map[string]int{"hunter2 named": http.StatusOK, "": http.StatusUnauthorized} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.addr+"/webhooks/mine/"+webhookTest, strings.NewReader(`{"task_id":"named"}`))
				require.NoError(t, err)
				req.Header.Set("X-Signature", signature)
				resp, err := http.DefaultClient.Do(req)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, want, resp.StatusCode)
			}
			_, metrics := r.get("/metrics")
			require.Contains(t, metrics, `tasksync_webhooks_total{provider="mine",result="accepted"} 1`)
			require.Contains(t, metrics, `tasksync_webhooks_total{provider="mine",result="forged"} 1`)
			require.Contains(t, metrics, `tasksync_pending_generations{task_type="remix"} 0`)
		})
	}
}

func TestPollIntervalOfOnesOwn(t *testing.T) {
	t.Parallel()
	patient := &ownAdapter{minInterval: time.Second}
	cfg := Config{PollInterval: 999 * time.Millisecond, Providers: []Provider{{Provider: patient.provider("patient")}}}
	_, err := openUpstreams(cfg, nil)
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, "PollInterval 999ms is under the 1s that patient permits")
}

// TestRegistererOfOnesOwn: the metrics are registered as long as the daemon runs, and
// a second daemon at the same time is refused.
func TestRegistererOfOnesOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "of_the_program_total", Help: "Of the program."}))
	cfg := b.config()
	cfg.Registerer = reg
	families := func() (names []string) {
		all, err := reg.Gather()
		require.NoError(t, err)
		for _, f := range all {
			names = append(names, f.GetName())
		}
		return names
	}
	for range 2 {
		r := b.run(cfg)
		id := b.submit()
		b.until("it is done", func() bool { return b.done(id) })
		_, metrics := r.get("/metrics")
		for _, want := range []string{"of_the_program_total 0", `tasksync_build_info{`, `tasksync_upstream_requests_total{code="200",provider="sunoapi"} 1`, "tasksync_feed_up 1"} {
			require.Contains(t, metrics, want)
		}
		require.NotContains(t, metrics, "go_goroutines", "the program has these, if it wants")
		err := Run(t.Context(), cfg)
		require.ErrorIs(t, err, ErrConfig)
		require.ErrorContains(t, err, "Registerer: ")
		b.stop(r)
		require.Equal(t, []string{"of_the_program_total"}, families())
	}
}
