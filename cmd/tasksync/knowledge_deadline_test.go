package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// A daemon that was down until after the deadline of its rows asks for each task before
// it ends a row: nearly all tasks are done.
func TestDaemonAwayPastTheDeadline(t *testing.T) {
	t.Parallel()
	const rows = 60
	for _, provider := range []string{"sunoapi", "sunoproxy"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, provider)
			settings := w.with("TASKSYNC_RATE_LIMIT", "20/10s") // the limit of sunoapi
			d := start(t, settings, "run")
			d.ready(t)
			tasks := w.add(t, rows, simulator.Success, 0)
			w.await(t, d, "some are asked for", func() bool { n, _ := w.front.askedFor(); return n > 0 })
			require.NoError(t, d.cmd.Process.Kill())
			<-d.done
			w.outlive(t, shortTimeout+time.Second)
			w.finish()
			require.Zero(t, w.count(t, `SELECT count(*) FROM music_generations WHERE status IN ('complete', 'failed')`))

			d = start(t, settings, "run")
			d.ready(t)
			w.complete(t, d, worldPatience, tasks...)
			w.ended(t, d)
		})
	}
}

// An upstream that does not answer at the deadline decides nothing: its answer after
// it is back counts.
func TestUpstreamIsDownAtTheDeadline(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"sunoapi", "acedata"} {
		for _, outage := range []simulator.Fault{simulator.HTTP503, simulator.Hang, simulator.Maintenance} {
			t.Run(fmt.Sprintf("%s %s", provider, outage), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, provider)
				d := start(t, w.with(), "run")
				d.ready(t)
				tasks := w.add(t, 20, simulator.Success, 0)
				w.asked(t, d, 1, tasks...)
				w.sim.Outage(outage)
				w.finish()
				w.outlive(t, shortTimeout+4*time.Second)
				w.sim.Outage(simulator.NoFault)
				w.complete(t, d, worldPatience, tasks...)
				w.ended(t, d)
			})
		}
	}
}

// A key that is refused until after the deadline ends no row: when the account is
// mended, each task is asked for.
func TestKeyIsRefusedPastTheDeadline(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"sunoapi", "sunoproxy"} {
		for _, outage := range []simulator.Fault{simulator.BadKey, simulator.NoCredits} {
			t.Run(fmt.Sprintf("%s %s", provider, outage), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, provider)
				w.sim.Outage(outage)
				d := start(t, w.with("TASKSYNC_TIMEOUT", "3s"), "run")
				d.ready(t)
				tasks := w.add(t, 20, simulator.Success, 0)
				w.finish()
				w.outlive(t, 5*time.Second)
				require.Contains(t, d.output(), "refuse", "it is loud about it")
				w.sim.Outage(simulator.NoFault)
				w.complete(t, d, worldPatience, tasks...) // the pause takes half a minute
				w.ended(t, d)
			})
		}
	}
}

// A created_at in the future, by a client's clock or time zone, counts as the moment
// at which the feed finds the row.
func TestCreatedInTheFuture(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with(), "run")
	d.ready(t)
	began := time.Now()
	stuck := w.add(t, 3, simulator.Stuck, -8*time.Hour)
	w.await(t, d, "the rows have ended", func() bool {
		return w.failed(t) == len(stuck)
	})
	took := time.Since(began)
	t.Logf("ended after %s", took.Round(100*time.Millisecond))
	require.Greater(t, took, shortTimeout-time.Second, "not before it had its time")
	for _, r := range w.all(t) {
		require.Equal(t, "API_ERROR", r.Code)
		require.Equal(t, "Task timed out after 5s.", r.Message)
	}
	require.Zero(t, d.stop(t), tail(d.output()))
}

// A row whose task hangs ends at its deadline, by the answer to the look that is made
// then: the rule that nothing ends without an answer delays nothing.
func TestAnsweredRowEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"sunoapi", "sunoproxy", "acedata", "sunoclips", "kie"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, provider)
			d := start(t, w.with("TASKSYNC_LATE", "off"), "run")
			d.ready(t)
			w.add(t, 3, simulator.Stuck, 0)
			w.await(t, d, "the rows have ended", func() bool {
				return w.count(t, `SELECT count(*) FROM music_generations WHERE status IN ('complete', 'failed')`) == 3
			})
			for _, r := range w.all(t) {
				t.Logf("ended %.2f s after created_at", r.SinceCreated)
				require.GreaterOrEqual(t, r.SinceCreated, shortTimeout.Seconds())
				if provider == "sunoclips" { // the clip's id is known, and a URL is derived from it
					require.Equal(t, "complete", r.Status)
				} else {
					require.Equal(t, "Task timed out after 5s.", r.Message)
				}
				asked := w.front.times(r.TaskID)
				require.Zero(t, w.count(t, `SELECT count(*) FROM music_generations WHERE id = $1::uuid AND created_at + interval '5 s' > $2::timestamptz + interval '100 ms'`,
					r.ID, asked[len(asked)-1]), "the last look was sent at the deadline or after it")
			}
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}

// At the deadline there is only a preview. The row is completed with the preview, and
// the final file replaces it later.
func TestFinalFileReplacesThePreview(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"sunoapi", "sunoproxy"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, provider)
			// No URL can be derived from ids that are not UUIDs.
			w.front.answers(always(rewrites(`"id":"`, `"id":"take-`)))
			d := start(t, w.with(), "run")
			d.ready(t)
			tasks := w.add(t, 1, simulator.Success, 0)
			w.advance(50 * time.Second) // between the preview and the first final clip
			w.complete(t, d, worldPatience, tasks...)
			r := w.of(t, tasks[0])
			require.Equal(t, row{Playable: 2, Published: 0}, row{Playable: r.Playable, Published: r.Published}, "previews only")

			w.finish()
			w.await(t, d, "the final files are there", func() bool { return w.of(t, tasks[0]).Published == 2 })
			require.Equal(t, "complete", w.of(t, tasks[0]).Status)
			require.Equal(t, 2, w.count(t, `SELECT count(*) FROM music_clips WHERE audio_url LIKE '%.mp3' AND status = 'complete' AND duration > 0`))
			require.Equal(t, 1, w.count(t, `SELECT count(*) FROM tasksync.generation_events WHERE to_status IN ('complete', 'failed') AND from_status <> to_status`))
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}
