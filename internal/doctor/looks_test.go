package doctor_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/planner"
	"tasksync/looks"
	"tasksync/queries"
	"tasksync/task"
)

// What the daemons have learnt is told, a line for each provider and type.
func TestDoctorTellsWhatWasLearnt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	model := looks.NewModel(func(time.Duration) float64 { return 0.5 })
	for range 150 {
		model.Learn(looks.Track{}.Looked(109*time.Second, task.StageSubmitted), 111*time.Second, true)
	}
	lesson, _ := model.Lesson()
	learn := func(taskType string) {
		t.Helper()
		_, err := queries.New().LookModelLearn(t.Context(), b.pool, queries.LookModelLearnParams{
			Provider: "sunoapi", TaskType: taskType, Keep: lesson.Keep, Add: lesson.Add,
		})
		require.NoError(t, err)
	}
	learn("generate")
	learn("a type of another daemon")
	text := b.examine(b.config())
	require.Regexp(t, `ok   looks: generate at sunoapi: half end within 1m(49|5[0-9])s, nine tenths within [12]m[0-9s]* \(learnt from 1[0-9]{2} rows\); callbacks tell of 9[0-9] %`, text)
	require.NotContains(t, text, "nothing was learnt")

	p := planner.New(planner.Config{DB: b.pool, Handlers: task.DefaultHandlers(), Deadline: time.Minute})
	require.NoError(t, p.Load(context.Background()))
	require.Len(t, p.Learnt(), 2)
	short := b.config()
	short.Timeout = time.Minute
	require.Contains(t, b.examine(short), "half end not within the deadline of 1m")
}
