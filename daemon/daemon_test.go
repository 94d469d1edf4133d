package daemon

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"tasksync/feed"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/jobs"
	"tasksync/migrations"
	"tasksync/task"
)

func TestRunBringsRowsToTheirEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.submit()
	r := b.run(b.config())
	after := b.submit()
	b.until("both are done", func() bool { return b.done(before, after) })
	require.True(t, r.ready())
	status, body := r.get("/healthz")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"status":"ok"}`, body)
	require.LessOrEqual(t, b.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tasksync%'`), 10)
	require.Less(t, b.stop(r), 10*time.Second)
	b.until("no connection is left", func() bool {
		return b.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tasksync%'`) == 0
	})
	require.NotContains(t, b.log.String(), "key-of-the-test")
}

func TestStopWhileTheUpstreamHangs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.run(b.config())
	id := b.submit(simulator.Hang)
	b.until("it is asked", func() bool { return b.sim.Tasks()[0].Asked == 1 })
	require.Less(t, b.stop(r), 10*time.Second)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.river_job WHERE kind = 'sync' AND state = 'available'`))
	b.run(b.config())
	b.until("the next daemon goes on", func() bool { return b.done(id) })
}

func TestStopWhileTheDatabaseIsSilent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := postgrestest.NewProxy(t, "127.0.0.1:0", b.database)
	cfg := b.config()
	cfg.DatabaseURL = p.URL()
	r := b.run(cfg)
	p.FallSilent(true)
	began := time.Now()
	r.cancel()
	select {
	case <-r.ended: // with an error or without: jobs could not be given back
	case <-time.After(20 * time.Second):
		require.Fail(t, "it does not stop")
	}
	require.Less(t, time.Since(began), 10*time.Second)
	p.Close()
	b.until("River gives up its leadership, which outlives its stop", func() bool {
		stacks := make([]byte, 4<<20)
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "attemptResignLoop")
	})
}

// TestSilentDatabase: every connection of the daemon dies without an error.
func TestSilentDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := postgrestest.NewProxy(t, "127.0.0.1:0", b.database)
	cfg := b.config()
	cfg.DatabaseURL = p.URL()
	r := b.run(cfg)
	first := b.submit()
	b.until("it works", func() bool { return b.done(first) })
	p.FallSilent(false)
	silent := time.Now()
	missed := b.submit()
	b.within(10*time.Second, "the feed notices", func() bool { return strings.Contains(b.log.String(), "Feed is down") })
	b.within(20*time.Second, "the row is found", func() bool { return b.done(missed) })
	t.Log("found after", time.Since(silent))
	b.until("all is well again", r.ready)
}

func TestFeedIsTerminated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.run(b.config())
	for range 3 {
		require.Equal(t, 1, b.terminate("tasksync feed"))
		id := b.submit()
		b.within(15*time.Second, "nothing is lost", func() bool { return b.done(id) })
		b.until("the feed is back", func() bool {
			return b.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tasksync feed'`) == 1
		})
	}
	require.Positive(t, b.terminate("tasksync"), "the pool, and River's listener")
	id := b.submit()
	b.within(15*time.Second, "nothing is lost", func() bool { return b.done(id) })
	b.until("all is well again", r.ready)
}

func TestPostgresRestarts(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	database, err := server.CreateDatabase(t.Context(), "app")
	require.NoError(t, err)
	b := setupOn(t, database)
	r := b.run(b.config())
	first := b.submit()
	b.until("it works", func() bool { return b.done(first) })
	hanging := b.submit(simulator.HTTP500) // still pending when it happens

	require.NoError(t, server.Halt())
	b.until("it says so", func() bool {
		reasons := r.reasons()
		return reasons["feed"] != "" && reasons["database"] != ""
	})
	status, _ := r.get("/healthz")
	require.Equal(t, http.StatusOK, status, "it lives")
	for _, reason := range r.reasons() {
		require.NotContains(t, reason, password(t, database))
	}
	_, metrics := r.get("/metrics")
	require.Contains(t, metrics, "tasksync_feed_up 0", "metrics need no database")
	require.NoError(t, server.Resume(t.Context()))
	up := time.Now()
	b.pool.Reset()
	second := b.submit()
	b.within(20*time.Second, "it goes on", func() bool { return b.done(second, hanging) })
	b.until("all is well again", r.ready)
	t.Log("after", time.Since(up))
	require.Less(t, b.stop(r), 10*time.Second)
}

// through returns the address of the database with another host and port.
func through(t *testing.T, addr, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.Host = addr
	return u.String()
}

func password(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	p, _ := u.User.Password()
	require.NotEmpty(t, p)
	return p
}

func TestDatabaseIsUnreachableAtStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	addr := freeAddr(t)
	cfg := b.config()
	cfg.DatabaseURL, cfg.ListenAddr = through(t, addr, b.database), freeAddr(t)
	r := b.launch(cfg)
	b.until("it waits", func() bool { return strings.Contains(r.reasons()["database"], "unreachable") })
	require.Equal(t, "starting", r.reasons()["feed"])
	require.Equal(t, "starting", r.reasons()["jobs"])
	status, _ := r.get("/healthz")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, b.log.String(), "Database unreachable")
	require.NotContains(t, b.log.String(), password(t, b.database))
	id := b.submit()
	postgrestest.NewProxy(t, addr, b.database)
	b.until("it comes up", func() bool { return b.done(id) })
	b.until("it is ready", r.ready)
}

func TestStopWhileTheDatabaseIsUnreachable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.DatabaseURL, cfg.ListenAddr = through(t, freeAddr(t), b.database), freeAddr(t)
	r := b.launch(cfg)
	b.until("it waits", func() bool { return r.reasons()["database"] != "starting" })
	require.Less(t, b.stop(r), 5*time.Second)
}

func TestErrorsForOperators(t *testing.T) {
	t.Parallel()
	b := setup(t)
	change := func(f func(*url.URL)) string {
		u, err := url.Parse(b.database)
		require.NoError(t, err)
		f(u)
		return u.String()
	}
	for name, tc := range map[string]struct {
		database string
		is       error
		want     []string
	}{
		"wrong password": {
			database: change(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wrong hunter2") }),
			want:     []string{"connect to the database", "check user and password"},
		},
		"no such user": {
			database: change(func(u *url.URL) { u.User = url.UserPassword("nobody", "wrong hunter2") }),
			want:     []string{"check user and password"},
		},
		"no such database": {
			database: change(func(u *url.URL) { u.Path = "/nowhere" }),
			want:     []string{`"nowhere" does not exist`, "create the database"},
		},
		"no migrations": {
			database: postgrestest.Empty(t), is: ErrSchema,
			want: []string{"tasksync migrate up", "--no-migrate"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := b.config()
			cfg.DatabaseURL, cfg.NoMigrate = tc.database, true
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, syncErr := Sync(ctx, cfg, nil)
			for _, err := range []error{Run(ctx, cfg), syncErr} {
				require.Error(t, err)
				for _, want := range tc.want {
					require.ErrorContains(t, err, want)
				}
				if tc.is != nil {
					require.ErrorIs(t, err, tc.is)
				}
				require.NotContains(t, err.Error(), "hunter2")
				require.NotContains(t, err.Error(), password(t, b.database)+"@")
			}
			require.NoError(t, ctx.Err(), "at once")
		})
	}
}

func TestAddressIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	err = Run(t.Context(), Config{DatabaseURL: goodURL, Providers: []Provider{{Provider: own("mine")}}, ListenAddr: l.Addr().String()})
	require.ErrorIs(t, err, ErrListen)
	require.ErrorContains(t, err, l.Addr().String())
}

// TestTwoDaemons: two daemons start at once on an empty database.
func TestTwoDaemons(t *testing.T) {
	t.Parallel()
	b := setupOn(t, postgrestest.Empty(t))
	started := make(chan net.Addr, 2)
	cfg := b.config()
	cfg.Started = func(addr net.Addr) { started <- addr }
	daemons := []*running{b.launch(cfg), b.launch(cfg)}
	for range daemons {
		select {
		case <-started:
		case <-time.After(30 * time.Second):
			require.Fail(t, "a daemon does not start", b.log)
		}
	}
	files, err := migrations.FS.ReadDir(".")
	require.NoError(t, err)
	require.Equal(t, len(files), b.count(`SELECT count(*) FROM tasksync_goose_version WHERE version_id > 0`))
	require.Equal(t, len(files), b.count(`SELECT count(DISTINCT version_id) FROM tasksync_goose_version WHERE version_id > 0`))
	require.Equal(t, len(files), strings.Count(b.log.String(), "Applied migration"))

	var ids []string
	for range 60 {
		ids = append(ids, b.submit())
	}
	b.until("all are done", func() bool { return b.done(ids...) })
	require.Equal(t, len(ids), b.count(`SELECT count(*) FROM tasksync.generation_events WHERE to_status = 'complete'`))
	require.Equal(t, len(ids), b.count(`SELECT count(DISTINCT generation_id) FROM tasksync.generation_events`))
	require.Equal(t, 2*len(ids), b.count(`SELECT count(*) FROM music_clips`))
	b.stop(daemons[0])
	id := b.submit()
	b.until("the other one goes on", func() bool { return b.done(id) })
	b.stop(daemons[1])
}

func TestReadyTellsOfTheAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.run(b.config())
	require.True(t, r.ready())
	id := b.submit(simulator.NoCredits)
	b.until("it says so", func() bool { return strings.Contains(r.reasons()["upstream sunoapi"], "Insufficient credits") })
	require.Len(t, r.reasons(), 1)
	require.False(t, b.done(id))
	_, metrics := r.get("/metrics")
	require.Contains(t, metrics, `tasksync_pending_generations{task_type="generate"} 1`)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.run(b.config())
	done := b.submit()
	b.insert("remix", "t")
	b.until("it is done", func() bool { return b.done(done) })
	_, body := r.get("/metrics")

	problems, err := promlint.New(strings.NewReader(body)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	if promtool, err := exec.LookPath("promtool"); err == nil {
		cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(body)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Empty(t, out)
	}
	for _, want := range []string{
		`tasksync_pending_generations{task_type="generate"} 0`, `tasksync_pending_generations{task_type="unknown"} 1`,
		`tasksync_oldest_pending_age_seconds{task_type="lyrics"} 0`, `tasksync_oldest_pending_age_seconds{task_type="unknown"} `,
		`tasksync_passes_total `, `tasksync_results_total{outcome="synced",task_type="generate"} 1`,
		`tasksync_finished_generations_total{code="none",outcome="complete",provider="sunoapi",task_type="generate"} 1`,
		`tasksync_generation_duration_seconds_count{outcome="complete",task_type="generate"} 1`,
		`tasksync_detection_delay_seconds_count{via="poll"} `, `tasksync_generation_looks_count `,
		`tasksync_look_price_seconds{provider="sunoapi"} `,
		`tasksync_look_model_rows{provider="sunoapi",task_type="generate"} `,
		`tasksync_commit_duration_seconds_count 1`, `tasksync_first_look_delay_seconds_count 1`,
		`tasksync_notifications_total `, `tasksync_feed_up 1`, `tasksync_build_info{`,
		`tasksync_upstream_requests_total{`, `tasksync_upstream_`,
	} {
		require.Contains(t, body, want)
	}
	require.NotContains(t, body, done, "no ids in labels")
}

func TestMetricsOfARegistry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	reg := newRegistry(Config{Version: "v1"})
	_, err := feed.New(feed.Config{Pool: b.pool, Jobs: &jobs.Client{}, Registerer: reg})
	require.NoError(t, err)
	reg.MustRegister(newPendingCollector(b.pool, b.config().WithDefaults()))
	problems, err := testutil.GatherAndLint(reg.gatherer)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	h := newHealth("a", "b")
	require.Equal(t, map[string]string{"a": "starting", "b": "starting"}, h.notReady())
	h.set("a", "")
	h.set("b", "broken")
	asked, answer := make(chan struct{}), make(chan string)
	h.check("c", func() string {
		close(asked)
		return <-answer
	})
	got := make(chan map[string]string)
	go func() { got <- h.notReady() }()
	<-asked
	h.set("b", "") // a check that is slow does not block set
	answer <- "slow"
	require.Equal(t, map[string]string{"b": "broken", "c": "slow"}, <-got)
}

func TestSyncInPlace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit()
	results, err := Sync(t.Context(), b.config(), []string{strings.ToUpper(id), "x"})
	require.NoError(t, err)
	require.Len(t, results, 2)
	require.Equal(t, task.Complete, results[0].NewStatus)
	require.True(t, results[1].Unfit())
	require.Zero(t, b.count(`SELECT count(*) FROM tasksync.river_job`), "it leaves no job")
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.generation_events WHERE via = 'request'`))

	cfg := b.config()
	cfg.DatabaseURL = through(t, freeAddr(t), b.database)
	_, err = Sync(t.Context(), cfg, []string{id})
	require.ErrorContains(t, err, "is the database up")
}
