package daemon

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// waiting matches the metrics of a daemon with one subscriber.
var waiting = regexp.MustCompile(`(?m)^tasksync_event_subscribers 1$`)

// waited is the response of a daemon to a GET with wait.
type waited struct {
	status      int
	close       bool // the connection is not to be used again
	Generations []struct{ ID, Status string }
	LastEventID string `json:"last_event_id"`
}

func (b *bundle) awaitChange(r *running, wait, since string) waited {
	b.Helper()
	query := url.Values{"wait": {wait}, "last_event_id": {since}}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+r.addr+"/api/music/v2/sync?"+query.Encode(), http.NoBody)
	require.NoError(b, err)
	req.Header.Set("Authorization", "Bearer "+b.token())
	resp, err := http.DefaultClient.Do(req)
	require.NoError(b, err)
	defer resp.Body.Close()
	got := waited{status: resp.StatusCode, close: resp.Close}
	require.NoError(b, json.NewDecoder(resp.Body).Decode(&got))
	return got
}

// TestWaitOverARestart: a server that waits for the changes of a user's rows hears of each,
// from the insert to the end, although the daemon stops in between and another completes the
// row; the stop is no error.
func TestWaitOverARestart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.API.JWTSecret = jwtSecret
	r := b.run(cfg)
	since := b.awaitChange(r, "0s", "").LastEventID
	id := b.insertFor(userOfTheAPI, task.Generate, b.sim.Submit(task.Generate, simulator.Stuck))
	seen := func(n waited, id, status string) bool {
		for _, g := range n.Generations {
			if g.ID == id && g.Status == status {
				return true
			}
		}
		return false
	}
	for got := (waited{}); !seen(got, id, "processing"); since = got.LastEventID {
		got = b.awaitChange(r, "60s", since)
		require.Equal(t, http.StatusOK, got.status)
	}
	ended := make(chan waited, 1)
	go func() { ended <- b.awaitChange(r, "60s", since) }()
	b.until("it waits", func() bool {
		_, metrics := r.get("/metrics")
		return waiting.MatchString(metrics)
	})
	took := b.stop(r)
	require.Less(t, took, 10*time.Second)
	got := <-ended
	require.Equal(t, http.StatusOK, got.status)
	require.Empty(t, got.Generations)
	require.True(t, got.close, "a load balancer sends the next request elsewhere")

	r = b.run(cfg)
	ready := b.insertFor(userOfTheAPI, task.Generate, b.sim.Submit(task.Generate, simulator.Ready))
	b.until("it completes", func() bool { return b.done(ready) })
	for since = got.LastEventID; !seen(got, ready, "complete"); since = got.LastEventID {
		got = b.awaitChange(r, "60s", since)
		require.Equal(t, http.StatusOK, got.status)
	}
}
