package task_test

import (
	"fmt"
	"time"

	"tasksync/task"
)

// One look at a row finds both of its clips: the row and its clips are complete.
// The clips take the places of the placeholders that the application has
// inserted.
func ExamplePolicy_Decide() {
	inserted := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	generation := task.Generation{TaskID: "t", Type: task.Generate, Status: task.Submitted, CreatedAt: inserted}
	placeholders := []task.Clip{
		{ID: "row-1", ClipID: "t-generate-0", Status: task.Submitted},
		{ID: "row-2", ClipID: "t-generate-1", Status: task.Submitted},
	}
	now := inserted.Add(90 * time.Second)
	decision := task.DefaultPolicy().Decide(now, generation, placeholders, task.Seen{
		AskedAt: now,
		Observation: &task.Observation{TaskID: "t", Status: task.Complete, Items: []task.Item{
			{ID: "a", Title: "Rain", AudioURL: "https://audio.example/a.mp3"},
			{ID: "b", Title: "Rain", AudioURL: "https://audio.example/b.mp3"},
		}},
	})
	fmt.Println(decision.Outcome, decision.Status)
	for _, clip := range decision.Clips {
		fmt.Println(clip.ID, clip.ClipID, clip.Status, clip.AudioURL)
	}
	// Output:
	// synced complete
	// row-1 a complete https://audio.example/a.mp3
	// row-2 b complete https://audio.example/b.mp3
}

// A type of the application's own is an entry in the map. Its rows are followed,
// and their placeholders are recognised.
func ExampleHandlers() {
	handlers := task.DefaultHandlers()
	handlers["remix"] = task.Handler{Clips: 3, Schedule: task.Schedule{{Every: 10 * time.Second}}}
	fmt.Println(handlers.PlaceholderNumber("t-remix-2"))
	// Output: 2 true
}

// A row that has had no answer since its deadline does not end: it is looked at
// again.
func ExamplePolicy_Decide_unanswered() {
	policy := task.DefaultPolicy()
	inserted := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	now := inserted.Add(policy.Timeout)
	generation := task.Generation{TaskID: "t", Type: task.Merge, Status: task.Processing, CreatedAt: inserted}
	decision := policy.Decide(now, generation, nil, task.Seen{
		AskedAt:     now,
		Observation: &task.Observation{TaskID: "t", Failure: &task.Failure{Verdict: task.Transient, Reason: "timeout"}},
	})
	fmt.Println(decision.Status, decision.Reason, decision.Next.After(now))
	// Output: processing timeout true
}
