package planner

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/looks"
	"tasksync/task"
)

func TestMetricsOfThePlanner(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Now()}
	p := New(Config{
		DB: postgrestest.Pool(t), Deadline: 10 * time.Minute, Now: c.now,
		Handlers: task.Handlers{task.Generate: task.DefaultHandlers()[task.Generate]},
		Sources: map[string]Source{
			"":    {Name: "sunoapi", Budget: func() float64 { return 2 }, Used: func() float64 { return 0.75 }},
			"kie": {Name: "kie"},
		},
	})
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(p.Collector())
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP tasksync_limit_used_ratio Calls that this daemon has sent in the last window of the rate limit, as a part of the whole limit; daemons that share a key add up.
# TYPE tasksync_limit_used_ratio gauge
tasksync_limit_used_ratio{provider="sunoapi"} 0.75
# HELP tasksync_look_model_rows Ended generations that the model of durations remembers; 0: nothing was learnt yet.
# TYPE tasksync_look_model_rows gauge
tasksync_look_model_rows{provider="kie",task_type="generate"} 0
tasksync_look_model_rows{provider="sunoapi",task_type="generate"} 0
# HELP tasksync_look_price_seconds What a look costs now, as the time that an ended generation may wait instead; above the price of TASKSYNC_PACE, the limit is too low for more looks.
# TYPE tasksync_look_price_seconds gauge
tasksync_look_price_seconds{provider="kie"} 0.5
tasksync_look_price_seconds{provider="sunoapi"} 0.5
`)))
	teach(p, 5)
	require.NoError(t, p.Learn(t.Context()))
	for range 500 {
		p.Every(Row{Type: task.Generate, Age: time.Minute, Track: looks.Track{}.Looked(10*time.Second, task.StageSubmitted)}, task.StageSubmitted)
	}
	c.forward(2 * time.Second)
	price, rows := 0.0, 0.0
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch {
			case m.GetLabel()[0].GetValue() == "kie":
			case f.GetName() == "tasksync_look_price_seconds":
				price = m.GetGauge().GetValue()
			case f.GetName() == "tasksync_look_model_rows":
				rows = m.GetGauge().GetValue()
			}
		}
	}
	require.Greater(t, price, 1.0, "more looks than the limit has")
	require.InDelta(t, 5, rows, 0.1)
}
