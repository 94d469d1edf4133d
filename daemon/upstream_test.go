package daemon

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

// patient is an adapter that permits a look at a task every 5 s only.
type patient struct{ upstream.Adapter }

func (patient) Limits() upstream.Limits { return upstream.Limits{MinInterval: 5 * time.Second} }

func (patient) Fetch(context.Context, []task.Ref) ([]task.Observation, error) { return nil, nil }

func TestSpacingIsWhatEveryProviderPermits(t *testing.T) {
	t.Parallel()
	u, err := openUpstreams(Config{Providers: []Provider{{Provider: sunoapi.Kie(), APIKey: "key"}}}, prometheus.NewRegistry())
	require.NoError(t, err)
	require.Equal(t, 2*time.Second, u.spacing, "though kie permits a third of a second")
	u.add("patient", patient{})
	require.Equal(t, 5*time.Second, u.spacing)
}
