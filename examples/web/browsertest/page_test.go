//go:build browser

package browsertest

import (
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tasksync/examples/web"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// Rows that an application inserts appear and complete, without a reload; other
// users' rows do not.
func TestRowsAppearAndComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.addr)
	b := openTab(t, w.link(time.Hour))
	b.awaitLive()
	b.await(`!document.querySelector('#empty').hidden`)
	require.Contains(t, ask[string](b, `document.querySelector('#sql').textContent`), "VALUES ('"+me+"',")
	b.shoot("empty")
	b.mark()

	song, record := w.insert(me, task.Generate, simulator.Success)
	foreign, _ := w.insert(other, task.Generate, simulator.Success)
	lyrics, words := w.insert(me, task.Lyrics, simulator.Success)
	refused, _ := w.insert(me, task.Extend, simulator.Stuck)
	for _, id := range []string{song, lyrics, refused} {
		b.awaitPending(id)
	}
	require.Equal(t, []string{refused, lyrics, song}, b.cards(), "the newest first")
	require.Zero(t, ask[int](b, `document.querySelectorAll('.play:not([hidden])').length`))
	b.shoot("pending")

	w.letTimePass()
	b.awaitCard(song, "complete")
	b.awaitCard(lyrics, "complete")
	require.Contains(t, b.text(song), record.Expected.Clips[0].Title)
	require.Contains(t, b.text(lyrics), words.Expected.Clips[0].Lyrics)
	require.Equal(t, 2, ask[int](b, card(song)+`.querySelectorAll('.play:not([hidden])').length`))
	b.await(`/: Complete|have changed/.test(document.querySelector('#news').textContent)`)
	b.shoot("complete")
	b.do(chromedp.Click(chromedp.CSS(`[data-id="` + song + `"] .play`)))
	b.await(card(song) + `.querySelector('.seek:not([hidden]) span')?.textContent.endsWith(' / 0:01')`)

	w.awaitStatus(foreign, task.Complete)
	last, _ := w.insert(me, task.Merge, simulator.Ready)
	b.awaitCard(last, "complete")
	require.Equal(t, []string{last, refused, lyrics, song}, b.cards(), "somebody else's row is there")
	b.requireSamePage()
}

// Changes while the daemon is down are shown when it is back, without a reload: rows
// that were inserted, and rows that another daemon completed.
func TestDaemonRestartedInBetween(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.start(w.addr)
	b := openTab(t, w.link(time.Hour))
	b.awaitLive()
	b.mark()
	before, _ := w.insert(me, task.Generate, simulator.Success)
	b.awaitCard(before, "processing")

	stop()
	b.await(`document.querySelector('.link').textContent === 'Reconnecting'`)
	w.letTimePass()
	stopOther := w.start("127.0.0.1:0")
	between, _ := w.insert(me, task.Lyrics, simulator.Ready)
	w.awaitStatus(before, task.Complete)
	w.awaitStatus(between, task.Complete)
	stopOther()
	waiting, _ := w.insert(me, task.Merge, simulator.Stuck)
	require.Equal(t, "processing", ask[string](b, `document.querySelector('[data-id]').dataset.status`))
	b.shoot("reconnecting")

	w.start(w.addr)
	b.awaitLive()
	b.awaitCard(before, "complete")
	b.awaitCard(between, "complete")
	b.awaitPending(waiting)
	after, _ := w.insert(me, task.Extend, simulator.Ready)
	b.awaitCard(after, "complete")
	require.Equal(t, []string{after, waiting, between, before}, b.cards())
	b.requireSamePage()
}

// A row that another tab or server has inserted, and the titles that come before its
// status changes, are events: the page shows them without asking.
func TestNewRowsComeByThemselves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.addr)
	b := openTab(t, w.link(time.Hour))
	b.awaitLive()
	ask[int](b, `(Stream.prototype.call = () => new Promise(() => {}), 0)`)
	song, _ := w.insert(me, task.Generate, simulator.Success)
	b.await(card(song))
	w.letTimePass()
	b.awaitCard(song, "complete")
	b.await(card(song) + `.querySelector('.art img')?.naturalWidth > 0`)
	require.Equal(t, 2, ask[int](b, card(song)+`.querySelectorAll('.art img').length`), "the covers are there")
	b.shoot("covers")
}

// On a narrow screen no chip is cut or stands below its title, and nothing is wider than
// the screen.
func TestNarrowScreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.teach(task.Replace)
	w.start(w.addr)
	b := openTab(t, w.link(time.Hour))
	b.do(chromedp.EmulateViewport(360, 800))
	b.awaitLive()
	ended, _ := w.insert(me, task.Merge, simulator.Ready)
	b.awaitCard(ended, "complete")
	waiting, _ := w.insert(me, task.Replace, simulator.Stuck)
	b.await(card(waiting) + `?.querySelector('.left:not([hidden])')`)
	for _, id := range []string{ended, waiting} {
		require.Less(t, ask[float64](b, `(() => { const top = (s) => `+card(id)+`.querySelector(s).getBoundingClientRect().top; return Math.abs(top('.chip') - top('h2')); })()`), 8.0)
		require.Less(t, ask[float64](b, card(id)+`.querySelector('.chip').getBoundingClientRect().height`), 30.0, "one line")
	}
	require.Equal(t, 1, ask[int](b, `new Set([...document.querySelectorAll('.filters button')].map((n) => n.offsetTop)).size`), "one line")
	require.LessOrEqual(t, ask[int](b, `document.documentElement.scrollWidth`), 360)
	b.shoot("narrow")
	w.letTimePass()
}

// A row under way shows how long it still takes, counted down by the page's own clock.
func TestTimeLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.teach(task.Generate)
	w.start(w.addr)
	b := openTab(t, w.link(time.Hour))
	b.awaitLive()
	song, _ := w.insert(me, task.Generate, simulator.Stuck)
	lyrics, _ := w.insert(me, task.Lyrics, simulator.Stuck)
	b.awaitPending(lyrics)
	shows := func(pattern string) {
		t.Helper()
		b.await(pattern + `.test(` + card(song) + `?.querySelector('.left:not([hidden])')?.textContent)`)
	}
	shows(`/^about 3:[234]0 min left$/`)
	require.True(t, ask[bool](b, card(lyrics)+`.querySelector('.left').hidden`), "of lyrics nothing is known")
	ask[int](b, `(() => { const now = Date.now.bind(Date); Date.now = () => now() + 1000 * (window.__ahead || 0); return 0; })()`)
	ask[int](b, `window.__ahead = 160`)
	shows(`/^about \d[05] s left$/`)
	b.shoot("time-left")
	ask[int](b, `window.__ahead = 240`)
	shows(`/^any moment now$/`)
	ask[int](b, `window.__ahead = 3600`)
	b.await(card(song) + `.querySelector('.left').hidden`)
	ask[int](b, `window.__ahead = 0`)
	shows(`/left$/`)
	w.letTimePass()
}

// A reload loses nothing, and the token does not stay in the address bar.
func TestReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.addr)
	b := openTab(t, w.link(time.Hour))
	b.awaitLive()
	done, _ := w.insert(me, task.Generate, simulator.Ready)
	b.awaitCard(done, "complete")
	require.Equal(t, w.page+"/", ask[string](b, `location.href`))
	b.do(chromedp.Reload())
	b.awaitCard(done, "complete")
}

// A failed row shows the reason.
func TestFailedRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.addr)
	b := openTab(t, w.link(time.Hour))
	b.awaitLive()
	refused, record := w.insert(me, task.Generate, simulator.RefusedArtist)
	broken, _ := w.insert(me, task.Extend, simulator.InternalError)
	w.letTimePass()
	b.awaitCard(refused, "failed")
	b.awaitCard(broken, "failed")
	text := b.text(refused)
	require.Contains(t, text, "It names an artist or a producer.")
	require.Contains(t, text, record.Expected.ErrorMessage)
	require.Contains(t, b.text(broken), "The provider could not finish it.")
	b.do(chromedp.Click(chromedp.CSS(`[data-filter="complete"]`)))
	b.await(card(refused) + `.hidden`)
	b.do(chromedp.Click(chromedp.CSS(`[data-filter="failed"]`)))
	b.await(`!` + card(refused) + `.hidden`)
	b.shoot("failed-rows")
}

// Values of rows are shown as text, even on a page without a policy.
func TestHostileRow(t *testing.T) {
	t.Parallel()
	const hostile = `<img src=x onerror="window.__xss=1">`
	w := newWorld(t)
	w.page = w.serve(withoutPolicy(web.Handler()))
	w.start(w.addr)
	b := openTab(t, w.link(time.Hour))
	b.awaitLive()
	w.exec(`WITH g AS (
			INSERT INTO music_generations (user_id, task_id, task_type, status, error_code, error_message)
			VALUES ($1, 'hostile', $2, 'failed', $2, $2) RETURNING id, user_id
		), c AS (
			INSERT INTO music_clips (generation_id, clip_id, status, title, lyrics, tags, audio_url, image_url)
			SELECT id, $2, 'complete', $2, $2, $2, 'javascript:window.__xss=2', 'javascript:window.__xss=3' FROM g
		)
		INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via)
		SELECT id, user_id, 'processing', 'failed', 'poll' FROM g`, me, hostile)
	b.await(`document.querySelector('[data-status="failed"] details')`)
	ask[bool](b, `document.querySelector('details').open = true`)
	shown := func(selector string) string {
		return ask[string](b, `document.querySelector('`+selector+`').textContent`)
	}
	for _, selector := range []string{"[data-id] h2", ".error p", "blockquote", ".clip h3", ".words"} {
		require.Equal(t, hostile, shown(selector))
	}
	require.Contains(t, shown(".about"), hostile)
	b.await(`document.querySelector('#news').textContent.includes(` + quoted(hostile) + `)`)
	require.Zero(t, ask[int](b, `document.querySelectorAll('main img').length`))
	require.Zero(t, ask[int](b, `document.querySelectorAll('.play:not([hidden])').length`), "a script is no audio")
	require.Zero(t, ask[int](b, `window.__xss || 0`))
	b.shoot("hostile")
}

// withoutPolicy removes the policy, so that only the page itself protects.
func withoutPolicy(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(permissive{w}, r) })
}

type permissive struct{ http.ResponseWriter }

func (p permissive) WriteHeader(status int) {
	p.Header().Del("Content-Security-Policy")
	p.ResponseWriter.WriteHeader(status)
}

// An expired token is reported, and the page goes on with another one.
func TestTokenExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.addr)
	b := openTab(t, w.link(-time.Hour))
	b.await(`document.querySelector('.link').textContent === 'Token expired'`)
	require.Contains(t, ask[string](b, `document.querySelector('[role=alert]').textContent`), "The token has expired.")
	b.shoot("expired")

	connect := func(token string) {
		b.do(chromedp.SetValue(chromedp.CSS(`[name=token]`), token), chromedp.Click(chromedp.CSS(`#settings button`)))
	}
	says := func(words string) {
		t.Helper()
		b.await(`document.querySelector('.link').textContent === 'Token refused' && document.querySelector('[role=alert]').textContent.includes(` + quoted(words) + `)`)
	}
	connect("hunter2")
	says("This is not a token.")
	connect(w.sign(secret, jwt.MapClaims{"role": "anon", "exp": time.Now().Add(time.Hour).Unix()}))
	says("This is the public key of the project")
	connect(w.sign(secret, jwt.MapClaims{"role": "service_role", "exp": time.Now().Add(time.Hour).Unix()}))
	says("This is the service key")
	connect(w.token("a secret that the daemon does not have at all", time.Hour))
	says("not from the project that this server knows")
	b.shoot("refused")
	connect(w.token(secret, time.Hour))
	b.awaitLive()
	done, _ := w.insert(me, task.Generate, simulator.Ready)
	b.awaitCard(done, "complete")
	require.True(t, ask[bool](b, `document.querySelector('[role=alert]').hidden && document.querySelector('#settings').hidden`))
}

// Without settings the page asks for them.
func TestSettingsAreAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.addr)
	b := openTab(t, w.page+"/")
	b.await(`!document.querySelector('#settings').hidden`)
	b.shoot("settings")
	b.do(
		chromedp.SendKeys(chromedp.CSS(`[name=api]`), "http://"+w.addr+"/"),
		chromedp.SendKeys(chromedp.CSS(`[name=token]`), w.token(secret, time.Hour)),
		chromedp.KeyEvent("\r"),
	)
	b.awaitLive()
}
