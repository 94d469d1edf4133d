package main

import (
	"testing"

	"tasksync/task"
	"tasksync/upstream/upstreamtest"
)

// TestProvider runs the suite of tasksync's own adapters on the remixer.
func TestProvider(t *testing.T) {
	upstreamtest.Run(t, upstreamtest.Subject{
		Upstream: remixer(), Handlers: handlers(), Types: []task.Type{remix},
		Format: &upstreamtest.Format{
			One:   "GET /remixes/{id}",
			Task:  answer,
			Tells: tells,
			Error: func(status int, text string) (int, any) { return status, map[string]string{"error": text} },
		},
	})
}

// tells returns an item as the remixer has it.
func tells(item upstreamtest.Item) upstreamtest.Item {
	return upstreamtest.Item{
		ID: item.ID, Title: item.Title, Status: item.Status, AudioURL: item.AudioURL, StreamAudioURL: item.StreamAudioURL, Duration: item.Duration,
	}
}

// answer is how the remixer says what a task has come to.
func answer(told upstreamtest.Task) any {
	state := "mixing"
	switch told.Status {
	case task.Complete:
		state = "finished"
	case task.Failed:
		state = "broken"
	case "":
		state = "polishing" // unknown to the adapter
	}
	tracks := []map[string]any{}
	for _, item := range told.Items {
		tracks = append(tracks, map[string]any{
			"id": item.ID, "title": item.Title, "audioUrl": item.AudioURL, "streamAudioUrl": item.StreamAudioURL,
			"duration": item.Duration,
		})
	}
	return map[string]any{"state": state, "error": told.Error, "tracks": tracks}
}
