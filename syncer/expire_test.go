package syncer

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream/simulator"
)

const timedOut = "Task timed out after 10 minutes."

// overdue is past the deadline and the grace after it.
const overdue = 10*time.Minute + expireGrace + time.Second

func TestExpire(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		outage simulator.Fault
		change func(*Config)
	}{
		"upstream hangs":       {outage: simulator.Hang, change: func(c *Config) { c.ExpireFetchTimeout = 300 * time.Millisecond }},
		"upstream is down":     {outage: simulator.HTTP503},
		"upstream is limited":  {outage: simulator.TooFrequent},
		"account has no money": {outage: simulator.NoCredits},
		"upstream is up":       {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			change := tc.change
			if change == nil {
				change = func(*Config) {}
			}
			b := setup(t, change)
			id := newUUID()
			none := b.insert(task.Generate, b.sim.Submit(task.Generate, simulator.Stuck), overdue)
			placeholder := b.insert(task.Generate, b.sim.Submit(task.Generate, simulator.Stuck), overdue)
			stored := b.insert(task.Generate, b.sim.Submit(task.Generate, simulator.Stuck), overdue)
			words := b.insert(task.Lyrics, b.sim.Submit(task.Lyrics, simulator.Stuck), overdue)
			ready := b.insert(task.Lyrics, b.sim.Submit(task.Lyrics, simulator.Ready), overdue)
			nameless := b.insert(task.Generate, "", overdue)
			inGrace := b.insert(task.Generate, b.sim.Submit(task.Generate, simulator.Stuck), overdue-2*time.Second)
			young := b.insert(task.Generate, b.sim.Submit(task.Generate, simulator.Ready), time.Minute)
			v1 := b.insert("", "t", overdue)
			unknown := b.insert("remix", "t", overdue)
			b.exec(`INSERT INTO music_clips (generation_id, clip_id, status) VALUES ($1, 'x-generate-0', 'submitted')`, placeholder)
			b.exec(`INSERT INTO music_clips (generation_id, clip_id, status, stream_audio_url) VALUES ($1, $2, 'streaming', 'https://cdn.example/preview')`, stored, id)
			b.exec(`INSERT INTO music_clips (generation_id, clip_id, status, lyrics) VALUES ($1, 'x-lyrics-0', 'complete', 'la la')`, words)
			b.sim.Outage(tc.outage)
			n, err := b.syncer.Expire(t.Context())
			require.NoError(t, err)
			require.Equal(t, 6, n)
			failed := row{"failed", "API_ERROR", timedOut, true}
			require.Equal(t, failed, b.row(none))
			require.Equal(t, failed, b.row(placeholder))
			require.Equal(t, failed, b.row(nameless))
			require.Equal(t, task.Failed, b.clips(placeholder)["x-generate-0"].Status)
			complete := row{Status: "complete", Completed: true}
			require.Equal(t, complete, b.row(stored))
			require.Equal(t, task.CDNURL(id), b.clips(stored)[id].AudioURL, "nothing is known against it")
			require.Equal(t, complete, b.row(words))
			require.Empty(t, b.clips(words)["x-lyrics-0"].AudioURL)
			for _, x := range []string{none, placeholder, stored, words, nameless} {
				require.Len(t, b.events(x), 1)
				require.True(t, strings.HasPrefix(b.events(x)[0], "submitted "+b.row(x).Status+" timeout"), b.events(x))
			}
			if tc.outage == simulator.NoFault {
				require.Equal(t, complete, b.row(ready), "the last fetch")
				require.Len(t, b.clips(ready), 2)
			} else {
				require.Equal(t, failed, b.row(ready))
			}
			for _, x := range []string{inGrace, young, v1, unknown} {
				require.Equal(t, row{Status: "submitted"}, b.row(x))
				require.Empty(t, b.events(x))
			}
			n, err = b.syncer.Expire(t.Context())
			require.NoError(t, err)
			require.Zero(t, n)
		})
	}
}

func TestExpireByTheProbe(t *testing.T) {
	t.Parallel()
	dead, live, silent := newUUID(), newUUID(), newUUID()
	var mu sync.Mutex
	var probed []string
	b := setup(t, func(c *Config) {
		c.Prober = probeFunc(func(url string) task.Probe {
			mu.Lock()
			defer mu.Unlock()
			probed = append(probed, url)
			return map[string]task.Probe{task.CDNURL(dead): task.ProbeRefused, task.CDNURL(live): task.ProbePlayable}[url]
		})
	})
	preview := map[string]string{dead: "https://cdn.example/preview", silent: "", live: ""}
	ids := map[string]string{}
	for clip, url := range preview {
		ids[clip] = b.insert(task.Merge, b.sim.Submit(task.Merge, simulator.Stuck), overdue)
		b.exec(`INSERT INTO music_clips (generation_id, clip_id, status, stream_audio_url) VALUES ($1, $2, 'streaming', nullif($3, ''))`, ids[clip], clip, url)
	}
	nothing := b.insert(task.Merge, b.sim.Submit(task.Merge, simulator.Stuck), overdue)
	b.exec(`INSERT INTO music_clips (generation_id, clip_id, status) VALUES ($1, $2, 'streaming')`, nothing, dead)
	n, err := b.syncer.Expire(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.Equal(t, task.Clip{ClipID: dead, Status: task.Complete, StreamAudioURL: preview[dead]}, b.clips(ids[dead])[dead], "no dead link")
	require.Equal(t, task.CDNURL(live), b.clips(ids[live])[live].AudioURL)
	require.Equal(t, task.CDNURL(silent), b.clips(ids[silent])[silent].AudioURL)
	require.Equal(t, "failed", b.row(nothing).Status)
	require.Contains(t, b.row(nothing).Message, "No result had anything to play")
	require.Len(t, probed, 4)
}

// TestExpireEndsWithItsContext stops in the first batch of three.
func TestExpireEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	calls := 0
	b := setup(t, upstreamIs(fetchFunc(func(context.Context, []task.Ref) ([]task.Observation, error) {
		calls++
		stop()
		return nil, nil
	})))
	b.exec(`INSERT INTO music_generations (task_id, task_type, created_at) SELECT 't' || n, 'merge', $1 FROM generate_series(1, 120) n`, b.clock.now().Add(-overdue))
	_, err := b.syncer.Expire(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, calls)
	n, err := b.syncer.Expire(t.Context())
	require.NoError(t, err)
	require.Equal(t, 120, n)
	require.Equal(t, 4, calls)
	var pending int
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM music_generations WHERE status <> 'failed'`).Scan(&pending))
	require.Zero(t, pending)
}
