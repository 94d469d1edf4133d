package simulator_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// Every answer with results has planted words, whatever the wire format, so that a test
// finds a log that repeats one.
func TestAnswersHavePlantedWords(t *testing.T) {
	t.Parallel()
	for provider, path := range map[string]string{
		"sunoapi": "/api/v1/generate/record-info?taskId=", "kie": "/api/v1/jobs/recordInfo?taskId=",
		"sunoproxy": "/suno/fetch/", "sunoclips": "/clips?ids=", "acedata": "/suno/tasks",
	} {
		sim := simulator.New(simulator.Config{Provider: provider, Seed: 1, Speed: math.Inf(1)})
		t.Cleanup(sim.Close)
		id := sim.Submit(task.Generate, simulator.Ready)
		r := httptest.NewRequest(http.MethodGet, path+id, nil)
		if provider == "acedata" {
			r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{"action":"retrieve","id":"`+id+`"}`))
		}
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		record, _ := sim.Task(id)
		require.Contains(t, w.Body.String(), record.Items[0].Title, provider)
		for _, item := range record.Items {
			require.True(t, hasPlanted(item.Lyrics))
		}
		require.True(t, hasPlanted(w.Body.String()), provider)
	}
}

func hasPlanted(text string) bool {
	for _, words := range simulator.Planted() {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}
