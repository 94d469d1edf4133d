package syncer

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// However many rows end, the log has some 50 lines a second and says how many there were.
func TestStatusLogIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		logger := slog.New(slog.NewTextHandler(&out, nil))
		var l statusLog
		for range 3 {
			for range 600 {
				l.updated(logger, task.Complete, []any{"generation_id", "x"})
				time.Sleep(time.Millisecond)
			}
			for range 10 {
				l.updated(logger, task.Failed, nil)
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
		}
		require.Equal(t, 3*maxStatusLines, strings.Count(out.String(), "generation_id=x"), out.String())
		require.Equal(t, 3, strings.Count(out.String(), "rows=560 complete=550 failed=10"), out.String())
		out.Reset()
		for range 200 { // few
			l.updated(logger, task.Complete, nil)
			time.Sleep(time.Second / maxStatusLines)
		}
		require.Equal(t, 200, strings.Count(out.String(), "\n"), out.String())
	})
}
