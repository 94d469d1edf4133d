//go:build browser && node

package browsertest

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// startNode serves the page of examples/supabase until the test ends, and returns its
// address. Its stand-in for a project signs tokens for me.
func (w *world) startNode() string {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "node", "server.mjs")
	cmd.Dir = "../../supabase"
	cmd.Env = append(os.Environ(), "PORT=0", "TASKSYNC_URL=http://"+w.addr, "TASKSYNC_JWT_SECRET="+secret, "USER_ID="+me, "SUPABASE_URL=")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(w, err)
	require.NoError(w, cmd.Start())
	w.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(w, err)
	return strings.TrimSuffix(strings.TrimSpace(line), "/")
}

// awaitLoaded is await for a page that may still be loading: an expression that fails is
// false.
func (b *tab) awaitLoaded(expression string) {
	b.Helper()
	require.Eventually(b, func() bool {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		defer cancel()
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		return err == nil && is
	}, patience, 50*time.Millisecond, expression)
}

// TestSupabasePage signs in with supabase-js, shows a row from its insert to its end, over
// a restart of the daemon, by one EventSource that nobody opens anew, and signs out.
func TestSupabasePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.page = w.startNode()
	stop := w.start(w.addr)
	b := openTab(t, w.page)
	b.awaitLoaded(`document.querySelector('#state').textContent === 'Signed out' && !document.querySelector('form').hidden`)
	b.shoot("supabase signed out")
	// The page keeps its EventSource to itself: this one counts them.
	ask[int](b, `(window.opened = 0, window.EventSource = class extends EventSource { constructor(...args) { super(...args); window.opened++; } }, 1)`)
	ask[int](b, `(document.querySelector('[name=email]').value = 'me@example.com', document.querySelector('[name=password]').value = 'secret', document.querySelector('form').requestSubmit(), 1)`)
	live := `document.querySelector('#state').textContent === 'Live'`
	b.await(live)
	waiting, _ := w.insert(me, task.Extend, simulator.Stuck)
	song, record := w.insert(me, task.Generate, simulator.Success)
	text := func(id string) string { return `document.getElementById(` + quoted(id) + `)?.textContent` }
	b.await(text(waiting) + ` === 'extend: processing'`)
	b.await(text(song) + `?.endsWith('processing')`)

	stop()
	b.await(`document.querySelector('#state').textContent === 'Reconnecting'`)
	stopOther := w.start("127.0.0.1:0")
	w.letTimePass()
	w.awaitStatus(song, task.Complete)
	stopOther()
	w.start(w.addr)
	b.await(live)
	b.await(text(song) + `.endsWith(': complete')`)
	require.Contains(t, ask[string](b, text(song)), record.Expected.Clips[0].Title)
	require.Equal(t, 1, ask[int](b, `window.opened`), "the EventSource reconnects by itself")
	b.shoot("supabase live")

	ask[int](b, `(document.querySelector('#out').click(), 1)`)
	b.await(`document.querySelector('#state').textContent === 'Signed out'`)
	require.Equal(t, 0, ask[int](b, `document.querySelectorAll('#rows li').length`))
	require.Eventually(t, func() bool {
		var n int
		err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM tasksync.event_tickets`).Scan(&n)
		return err == nil && n == 0
	}, patience, 20*time.Millisecond, "its ticket is revoked")
}
