//go:build browser

package browsertest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// shotsEnv names a folder for screenshots.
const shotsEnv = "TASKSYNC_SCREENSHOTS"

// tab is the tab of a browser that the test has to itself.
type tab struct {
	*testing.T
	ctx context.Context

	mu         sync.Mutex
	exceptions []string
}

// openTab opens link. The test fails at its end if a script has failed.
func openTab(t *testing.T, link string) *tab {
	t.Helper()
	b := &tab{T: t}
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("headless", "new"), chromedp.Flag("hide-scrollbars", true),
	))
	b.ctx = ctx
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		require.Empty(t, b.exceptions)
	})
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(ctx, patience)
		defer stop()
		_ = chromedp.Cancel(ctx) // a browser that will not close is killed
		cancel()
	})
	require.NoError(t, chromedp.Do(ctx)) // the browser lives as long as the context that starts it
	b.do(chromedp.EmulateViewport(1000, 900))
	messages := chromedp.Console(ctx)
	go b.listen(messages)
	b.do(chromedp.Navigate(link))
	return b
}

// listen collects exceptions until the tab is closed.
func (b *tab) listen(messages func(func(chromedp.ConsoleMessage, error) bool)) {
	for m, err := range messages {
		if err != nil {
			return
		}
		if m.IsException() {
			b.mu.Lock()
			b.exceptions = append(b.exceptions, m.Text)
			b.mu.Unlock()
		}
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	require.NoError(b, chromedp.Do(ctx, steps...))
}

// ask returns the value of an expression.
func ask[T any](b *tab, expression string) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(b, err, expression)
	return value
}

// await waits until an expression is true.
func (b *tab) await(expression string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(patience), chromedp.WithPollingInterval(20*time.Millisecond)))
	if err != nil {
		b.shoot("failed")
		require.NoError(b, err, "%s\n%s", expression, ask[string](b, `document.body.innerText`))
	}
}

// awaitLive waits until the page has its stream.
func (b *tab) awaitLive() {
	b.Helper()
	b.await(`document.querySelector('.link').textContent === 'Live'`)
}

// awaitCard waits until the page shows a row with a status.
func (b *tab) awaitCard(id, status string) {
	b.Helper()
	b.await(card(id) + `?.dataset.status === ` + quoted(status))
}

// awaitPending waits until the page shows a row's progress.
func (b *tab) awaitPending(id string) {
	b.Helper()
	b.await(card(id) + `?.querySelector('.steps:not([hidden])')`)
}

// text returns the text of a row's card.
func (b *tab) text(id string) string {
	b.Helper()
	return ask[string](b, card(id)+`.innerText`)
}

// card returns an expression for a row's card.
func card(id string) string { return fmt.Sprintf(`document.querySelector('[data-id=%q]')`, id) }

// cards returns the ids of the rows on the page, from the top.
func (b *tab) cards() []string {
	b.Helper()
	return ask[[]string](b, `[...document.querySelectorAll('[data-id]')].map(n => n.dataset.id)`)
}

// mark sets a mark that a reload would remove.
func (b *tab) mark() { b.Helper(); ask[int](b, `window.__mark = 1`) }

func (b *tab) requireSamePage() {
	b.Helper()
	require.Equal(b, 1, ask[int](b, `window.__mark || 0`), "the page was loaded anew")
}

// viewport is a way to view the page.
type viewport struct {
	name, scheme string
	width        int64
}

// shoot takes screenshots, if shotsEnv is set.
func (b *tab) shoot(name string) {
	b.Helper()
	dir := os.Getenv(shotsEnv)
	if dir == "" {
		return
	}
	for _, l := range []viewport{{"light", "light", 1280}, {"dark", "dark", 1280}, {"narrow", "light", 360}, {"narrow-dark", "dark", 360}} {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
		})
		err = cmp.Or(err, chromedp.Do(ctx, chromedp.EmulateViewport(l.width, 900)))
		require.NoError(b, err)
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		cancel()
		require.NoError(b, err)
		require.NoError(b, os.WriteFile(filepath.Join(dir, name+"-"+l.name+".png"), png, 0o600))
	}
	b.do(chromedp.EmulateViewport(1000, 900))
}

// quoted returns a text as a JavaScript literal.
func quoted(s string) string { return strconv.Quote(s) }

// view sets the size of the screen, and its colours.
func (b *tab) view(v viewport) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.scheme}},
	})
	require.NoError(b, cmp.Or(err, chromedp.Do(ctx, chromedp.EmulateViewport(v.width, 900))))
}

// picture takes a screenshot of the page as it is, if shotsEnv is set.
func (b *tab) picture(name string) {
	b.Helper()
	dir := os.Getenv(shotsEnv)
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}
