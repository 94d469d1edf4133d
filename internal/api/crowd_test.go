package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// crowdSize is how many clients one daemon must serve, each of another user.
const crowdSize = 2000

// crowdClient is one of the clients, with a connection of its own and no goroutine.
type crowdClient struct {
	user   string
	conn   net.Conn
	answer *bufio.Reader
}

func crowdUser(i int) string { return fmt.Sprintf("c0ffee00-0000-4000-8000-%012d", i) }

func connectCrowd(ctx context.Context, base string, i int) (*crowdClient, error) {
	f := &crowdClient{user: crowdUser(i)}
	var err error
	if f.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(base, "http://")); err != nil {
		return nil, err
	}
	if err := f.conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		return f, err
	}
	if _, err := fmt.Fprintf(f.conn, "GET %s HTTP/1.1\r\nHost: crowd\r\nAuthorization: Bearer %s\r\n\r\n", eventsPath, token(f.user)); err != nil {
		return f, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(f.conn), nil)
	if err != nil {
		return f, err
	}
	if resp.StatusCode != http.StatusOK {
		return f, fmt.Errorf("status %s", resp.Status)
	}
	f.answer = bufio.NewReader(resp.Body)
	_, err = f.next("ready")
	return f, err
}

// next returns the data of the next event, which must have that name.
func (f *crowdClient) next(name string) (string, error) {
	var event, data string
	for {
		line, err := f.answer.ReadString('\n')
		if err != nil {
			return "", err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case field == "event":
			event = value
		case field == "data":
			data = value
		case line == "\n" && data != "" && event != name:
			return "", fmt.Errorf("%s instead of %s: %s", event, name, data)
		case line == "\n" && data != "":
			return data, nil
		}
	}
}

// expects reads one event and checks that it is the user's own, and of that round.
func (f *crowdClient) expects(round string) error {
	data, err := f.next("status")
	if err != nil {
		return err
	}
	var c sseChange
	if err := json.Unmarshal([]byte(data), &c); err != nil {
		return err
	}
	if c.Via != round || c.Generation == nil || *c.Generation.UserID != f.user {
		return fmt.Errorf("user %s gets in round %s: %s", f.user, round, data)
	}
	return nil
}

// TestCrowd connects 2,000 clients to one API, which has one database connection for
// all of them.
func TestCrowd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.start(nil)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO music_generations (user_id, task_id, task_type, status)
		SELECT ('c0ffee00-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, 'crowd-' || i, 'generate', 'complete' FROM generate_series(0, $1::int - 1) AS i`, crowdSize)
	require.NoError(t, err)

	began := time.Now()
	faces := make([]*crowdClient, crowdSize)
	defer func() {
		for _, f := range faces {
			if f != nil {
				f.conn.Close()
			}
		}
	}()
	var group errgroup.Group
	group.SetLimit(64)
	for i := range faces {
		group.Go(func() (err error) {
			faces[i], err = connectCrowd(t.Context(), s.url, i)
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, crowdSize, b.metric(s, "tasksync_event_subscribers"))
	t.Logf("%d clients were greeted in %s", crowdSize, time.Since(began))

	for _, round := range []string{"poll", "webhook", "request"} {
		began = time.Now()
		b.insertCrowdEvents(round)
		committed := time.Now()
		var last atomic.Int64
		group = errgroup.Group{}
		for _, f := range faces {
			group.Go(func() error {
				defer func() { last.Store(int64(time.Since(committed))) }()
				return f.expects(round)
			})
		}
		require.NoError(t, group.Wait())
		t.Logf("round %s: each had its own event within %s of the commit, which took %s", round, time.Duration(last.Load()), committed.Sub(began))
		require.Equal(t, 1, b.queryInt(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tasksync events'`),
			"one connection for all")
	}
	require.LessOrEqual(t, b.queryInt(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'`),
		1+int(b.pool.Config().MaxConns))
	require.GreaterOrEqual(t, runtime.NumGoroutine(), crowdSize)

	began = time.Now()
	for _, f := range faces {
		require.NoError(t, f.conn.Close())
	}
	b.until("no request is left", func() bool { return s.serving.Load() == 0 })
	require.Zero(t, b.metric(s, "tasksync_event_subscribers"))
	t.Logf("all had left within %s", time.Since(began))
}

// insertCrowdEvents inserts, in one transaction, an event of each user, and two events
// of other users for each.
func (b *bundle) insertCrowdEvents(via string) {
	b.Helper()
	_, err := b.pool.Exec(context.Background(), `INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via)
		SELECT id, CASE n WHEN 1 THEN user_id ELSE gen_random_uuid() END, 'processing', 'complete', $1
		FROM music_generations, generate_series(1, 3) AS n WHERE task_id LIKE 'crowd-%' ORDER BY random()`, via)
	require.NoError(b, err)
	b.announcer.Announce()
}
