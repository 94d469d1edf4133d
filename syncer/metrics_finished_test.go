package syncer

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// Each end is counted once, whatever looks come after it; a retry and a late result end
// the row again.
func TestEachEndIsCountedOnce(t *testing.T) {
	t.Parallel()
	up := &still{}
	b := setup(t, upstreamIs(up), func(c *Config) { c.Policy.Late, c.DefaultProvider = task.LateComplete, "kie" })
	id := b.insert(task.Merge, "t", 9*time.Minute)
	b.sync(id)
	b.clock.advance(time.Minute)
	b.sync(id)
	b.sync(id)
	b.finished(`tasksync_finished_generations_total{code="API_ERROR",outcome="failed",provider="kie",task_type="merge"} 1`)

	_, err := b.syncer.Retry(t.Context(), RetryRequest{IDs: []string{id}}, nil)
	require.NoError(t, err)
	b.clock.advance(11 * time.Minute)
	b.sync(id)
	b.syncer.sources[""].upstream = fetchFunc(allDone)
	b.clock.advance(2 * time.Minute)
	require.Equal(t, 1, b.late())
	b.sync(id)
	b.finished(`tasksync_finished_generations_total{code="API_ERROR",outcome="failed",provider="kie",task_type="merge"} 2`,
		`tasksync_finished_generations_total{code="none",outcome="complete",provider="kie",task_type="merge"} 1`)
	require.Equal(t, 2, testutil.CollectAndCount(b.reg, "tasksync_generation_duration_seconds"))
	problems, err := testutil.GatherAndLint(b.reg)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// Values that an application or a provider may choose are no labels.
func TestLabelsOfEndsAreClosed(t *testing.T) {
	t.Parallel()
	s := setup(t).syncer
	require.Equal(t, labelUnknown, s.typeLabel("of the application's own"))
	require.Equal(t, labelUnknown, s.providerLabel("another"))
	require.Equal(t, "default", s.providerLabel(""))
	require.Equal(t, labelOther, codeLabel("NEW_CODE"))
	require.Equal(t, labelOther, codeLabel(""))
}

func (b *bundle) finished(want ...string) {
	b.Helper()
	const name = "tasksync_finished_generations_total"
	head := "# HELP " + name + " " + finishedHelp + "\n# TYPE " + name + " counter\n"
	require.NoError(b, testutil.GatherAndCompare(b.reg, strings.NewReader(head+strings.Join(want, "\n")+"\n"), name))
}
