//go:build browser

package browsertest

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"tasksync/daemon"
	"tasksync/internal/simulator"
	"tasksync/task"
)

const consolePassword = "a password of this test"

// axe returns the source of axe-core: the file that TASKSYNC_AXE names, or the package
// from npm.
func axe(t *testing.T) string {
	t.Helper()
	file := os.Getenv("TASKSYNC_AXE")
	if file == "" {
		dir := t.TempDir()
		out, err := exec.CommandContext(t.Context(), "npm", "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", "axe-core@4.11.0").CombinedOutput()
		require.NoError(t, err, "%s", out)
		file = filepath.Join(dir, "node_modules", "axe-core", "axe.min.js")
	}
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(source)
}

// until waits until an expression is true, without the script that the page's
// Content-Security-Policy forbids.
func (b *tab) until(expression string) {
	b.Helper()
	require.Eventually(b, func() bool { return ask[bool](b, "!!("+expression+")") }, patience, 50*time.Millisecond, "%s", expression)
}

// accessible asserts that axe finds nothing, light and dark, wide and narrow, and that
// nothing is wider than the screen.
func (b *tab) accessible(source, name string) {
	b.Helper()
	for _, v := range []viewport{{"light", "light", 1000}, {"dark", "dark", 1000}, {"narrow", "light", 360}, {"narrow-dark", "dark", 360}} {
		b.view(v)
		ask[bool](b, source+`; window.found = null; axe.run().then(r => { window.found = JSON.stringify(r.violations.map(v => ({id: v.id, nodes: v.nodes.map(n => n.html + ' ' + n.failureSummary)}))) }); true`)
		b.until(`window.found`)
		require.JSONEq(b, `[]`, ask[string](b, `window.found`), "%s %s", name, v.name)
		require.LessOrEqual(b, ask[int](b, `document.documentElement.scrollWidth`), int(v.width), "%s %s", name, v.name)
		b.picture(name + "-" + v.name)
	}
}

// The operator signs in, sees what goes on, finds a row by the id of its clip, and makes a
// failed one pending again, by keyboard alone.
func TestConsole(t *testing.T) {
	t.Parallel()
	source := axe(t)
	w := newWorld(t)
	w.teach(task.Generate)
	var admin net.Addr
	w.change = func(c *daemon.Config) {
		c.Console = daemon.Console{Password: consolePassword, Actions: true}
		c.AdminStarted = func(addr net.Addr) { admin = addr }
	}
	w.start(w.addr)
	song, _ := w.insert(me, task.Generate, simulator.Success)
	refused, _ := w.insert(me, task.Generate, simulator.RefusedCopyright)
	w.exec(`INSERT INTO music_generations (user_id, task_id, task_type) VALUES ($1, 't', 'dance')`, me)
	w.letTimePass()
	w.awaitStatus(song, task.Complete)
	w.awaitStatus(refused, task.Failed)
	w.insert(me, task.Generate, simulator.Stuck)

	b := openTab(t, "http://"+admin.String()+"/console")
	b.until(`document.querySelector('#password')`)
	b.accessible(source, "sign-in")
	b.do(chromedp.SendKeys(chromedp.CSS(`#password`), "something else\r"))
	b.until(`document.querySelector('[role=alert]')`)
	b.accessible(source, "wrong")
	b.do(chromedp.SendKeys(chromedp.CSS(`#password`), consolePassword+"\r"))
	b.until(`document.querySelector('#failures td')`)
	text := ask[string](b, `document.body.innerText`)
	for _, want := range []string{"COPYRIGHTED", "sunoapi", "unknown_type", "1 complete and 1 failed", "calls are made", "looks planned"} {
		require.Contains(t, text, want)
	}
	b.accessible(source, "overview")

	var clip string
	require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT clip_id FROM music_clips WHERE generation_id = $1 LIMIT 1`, song).Scan(&clip))
	b.do(chromedp.SendKeys(chromedp.CSS(`#id`), clip+"\r"))
	b.until(`document.querySelector('#story .lines')`)
	text = ask[string](b, `document.body.innerText`)
	for _, want := range []string{song, "heard of it by notify", "look (the first)", "Last answer"} {
		require.Contains(t, text, want)
	}
	b.accessible(source, "story")

	ask[string](b, `location.hash = `+quoted(refused))
	b.until(`[...document.querySelectorAll('#story button')].some(n => n.textContent === 'Retry this row')`)
	ask[bool](b, `document.querySelector('#story button').focus(), true`)
	b.do(chromedp.KeyEvent("\r"))
	b.until(`document.querySelector('#said').textContent === 'the row is pending again'`)
	var retried int
	require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT count(*) FROM tasksync.generation_events WHERE generation_id = $1 AND via = 'retry'`, refused).Scan(&retried))
	require.Equal(t, 1, retried)

	// A word that has no place to break, and an address that somebody has written.
	w.exec(`INSERT INTO music_generations (user_id, task_id, task_type) VALUES ($1, 'long', repeat('Dance', 40))`, me)
	ask[string](b, `location.hash = 'long'`)
	b.until(`/DanceDance/.test(document.querySelector('#story h2').textContent)`)
	b.accessible(source, "long")
	ask[string](b, `location.hash = '%'`)
	b.until(`/no row has this id/.test(document.querySelector('#story').innerText)`)

	ask[string](b, `location.hash = 'no-such-id'`)
	b.until(`/no row has this id/.test(document.querySelector('#story').innerText)`)
	b.accessible(source, "nothing")

	b.do(chromedp.Navigate("http://" + admin.String() + "/console/jobs/"))
	b.until(`/No jobs found|Running/.test(document.body.innerText)`)

	marks, err := json.Marshal(ask[[]string](b, `performance.getEntriesByType('resource').map(e => new URL(e.name).host)`))
	require.NoError(t, err)
	require.NotContains(t, string(marks), "http", "nothing comes from elsewhere")
}
