package feed

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// collecting runs a collector until the test ends.
func collecting(t *testing.T, to Jobs, log *logBuffer) (*collector, context.CancelFunc, <-chan error) {
	t.Helper()
	c := newCollector(to, slog.New(slog.NewTextHandler(log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.run(ctx) }()
	t.Cleanup(cancel)
	return c, cancel, ended
}

func TestCollectorGroupsWhatComesMeanwhile(t *testing.T) {
	t.Parallel()
	to := &handed{entered: make(chan []string), release: make(chan struct{})}
	c, cancel, ended := collecting(t, to, &logBuffer{})
	c.receive("first")
	require.Equal(t, []string{"first"}, <-to.entered, "nothing waits to be grouped")
	var want []string
	for i := range maxHandOn + 3 {
		want = append(want, fmt.Sprint(i))
		c.receive(want[i])
	}
	to.release <- struct{}{}
	require.Equal(t, want[:maxHandOn], <-to.entered)
	to.release <- struct{}{}
	require.Equal(t, want[maxHandOn:], <-to.entered)
	to.release <- struct{}{}
	cancel()
	require.NoError(t, <-ended)
}

func TestCollectorTriesAgain(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	to := &handed{refuse: 2}
	c, cancel, ended := collecting(t, to, log)
	c.receive("a")
	require.Eventually(t, func() bool { return to.has("a") }, patience, 5*time.Millisecond)
	require.Contains(t, log.String(), "the database is away")
	c.receive("b")
	require.Eventually(t, func() bool { return to.has("b") }, patience, 5*time.Millisecond)

	to.mu.Lock()
	to.refuse = 1 << 30
	to.mu.Unlock()
	c.receive("c")
	cancel()
	require.NoError(t, <-ended, "a stop does not wait for it")
}

// A row that a scan or a sweep has found is announced too, and a row that was
// announced is found too. Each is handed on once.
func TestCollectorTakesARowOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(&handed{}, slog.New(slog.DiscardHandler))
		require.Equal(t, 2, c.found([]string{"a", "b"}))
		c.receive("a")
		c.receive("c")
		require.Equal(t, 1, c.found([]string{"c", "b", "d"}))
		require.Equal(t, []string{"a", "b", "c", "d"}, c.take())
		c.receive("c") // announced again: it was made pending again
		require.Equal(t, []string{"c"}, c.take())
		time.Sleep(echoFor + time.Second)
		c.receive("a") // and so is a row that was found a while ago
		require.Equal(t, []string{"a"}, c.take())
	})
}

func TestCollectorHoldsWhatASweepMayFind(t *testing.T) {
	t.Parallel()
	c := newCollector(&handed{}, slog.New(slog.DiscardHandler))
	c.hold()
	c.receive("a")
	c.receive("b")
	require.Empty(t, c.take())
	c.release([]string{"a", "x"})
	require.Equal(t, []string{"b"}, c.take())
	c.receive("x")
	require.Empty(t, c.take(), "the echo of the sweep")
}

func TestCollectorIsBounded(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	c := newCollector(&handed{}, slog.New(slog.NewTextHandler(log, nil)))
	c.memory.ids.Size = 1000
	for i := range queueOverflow + 10 {
		c.receive(fmt.Sprint(i))
	}
	require.True(t, c.full())
	require.Len(t, c.ids, queueOverflow)
	require.Contains(t, log.String(), "left to the sweep")
	known := 0
	for i := range queueOverflow + 10 {
		if _, ok := c.memory.ids.Get(fmt.Sprint(i)); ok {
			known++
		}
	}
	require.LessOrEqual(t, known, 2000)
	for len(c.take()) > 0 {
	}
	require.False(t, c.full())
	c.receive("again")
	require.Equal(t, []string{"again"}, c.take())
}

func TestMemoryForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(true, "a")
		require.Empty(t, m.unknown([]string{"a"}))
		time.Sleep(memorySpan + time.Second)
		m.add(false, "b")
		require.Equal(t, []string{"c"}, m.unknown([]string{"a", "b", "c"}))
		time.Sleep(memorySpan + time.Second)
		m.add(false, "c")
		require.Equal(t, []string{"a"}, m.unknown([]string{"a", "b", "c"}))
	})
}
