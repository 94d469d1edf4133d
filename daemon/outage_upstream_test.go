package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/internal/wait"
)

// TestLogOfAnUpstreamOutage: whatever way the provider is away, with many rows under way,
// the log has a line a minute, one when it is over, and nothing from any other part.
func TestLogOfAnUpstreamOutage(t *testing.T) {
	t.Parallel()
	for _, fault := range []simulator.Fault{simulator.HTTP502, simulator.Maintenance, simulator.Hang} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.run(b.config())
			first := b.submit()
			b.until("it works", func() bool { return b.done(first) })
			b.sim.Outage(fault)
			began, before := time.Now(), len(b.log.String())
			for range 100 {
				b.submit()
			}
			count := func(text string) int { return strings.Count(b.log.String()[before:], text) }
			b.until("the log says so", func() bool { return count("Fetching status failed") > 0 })
			require.NoError(t, wait.For(t.Context(), 3*time.Second)) // the rows are asked for again and again
			b.sim.Outage(simulator.NoFault)
			b.within(2*time.Minute, "the log says that it is over", func() bool { return count("The provider answers again") > 0 })
			minutes := 1 + int(time.Since(began)/time.Minute)
			require.LessOrEqual(t, count("level=WARN")+count("level=ERROR"), minutes, b.log.String()[before:])
			require.LessOrEqual(t, count("The provider answers again"), minutes)
		})
	}
}
