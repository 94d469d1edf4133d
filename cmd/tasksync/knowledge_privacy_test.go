package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// Answers that are cut, or are not JSON, have prompts and lyrics in them. Log lines
// about such answers have neither: keepsSecrets asserts that at the end of every
// process. Here there are all sorts of such answers, and all levels of the log.
func TestExcerptsKeepSecrets(t *testing.T) {
	t.Parallel()
	bad := map[string]answer{
		"cut":     cutOff,
		"broken":  broken,
		"garbled": rewrites(`":`, `"=`),
		"page":    rewrites(`{`, `<p>`, `[`, `<li>`),
		"quoted":  rewrites(`"status":"`, `"status":["`, `"state":"`, `"state":["`, `"data":`, `"data" `),
		"overrun": overruns,
	}
	for _, provider := range providerNames() {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, provider)
			for name, answer := range bad {
				w.front.answers(always(answer))
				d := start(t, w.with("TASKSYNC_TIMEOUT", "10m", "TASKSYNC_LOG_LEVEL", "debug"), "run")
				d.ready(t)
				tasks := w.add(t, 2, simulator.Ready, 0)
				w.asked(t, d, 1, tasks...)
				w.front.answers(nil)
				w.complete(t, d, worldPatience, tasks...)
				require.Zero(t, d.stop(t), tail(d.output()))
				require.NotEmpty(t, strings.TrimSpace(d.output()), name)
			}
			w.verify(t)
		})
	}
}
