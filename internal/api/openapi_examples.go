package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tasksync/internal/live"
	"tasksync/internal/view"
)

// The ids of the examples.
const (
	exampleRow  = "0f8fad5b-d9cb-469f-a165-70867728950e"
	exampleUser = "7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11"
	exampleTask = "5c79aaaa0000bbbb1111cccc2222be8e"
	exampleClip = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
)

func exampleTime(seconds int) *time.Time {
	return new(time.Date(2026, 3, 14, 9, 26, seconds, 0, time.UTC))
}

// exampleUnderWay is a row of which there is a preview.
func exampleUnderWay() view.Generation {
	return view.Generation{
		ID: exampleRow, UserID: new(exampleUser), TaskID: new(exampleTask), TaskType: new("generate"),
		Status: "streaming", CreatedAt: exampleTime(0), UpdatedAt: exampleTime(31), Stage: new("preview"),
		Eta: &view.Eta{P50: exampleTime(31).Add(time.Minute), P90: exampleTime(31).Add(2 * time.Minute)},
		Clips: []view.Clip{{
			ID: exampleClip, GenerationID: exampleRow, ClipID: "2d1c5e7a-01", Status: "streaming", Title: new("Paper Lanterns"),
			StreamAudioURL: new("https://cdn.example/2d1c5e7a-01.mp3?preview"), ImageURL: new("https://cdn.example/2d1c5e7a-01.jpeg"),
			Tags: new("folk, acoustic"), CreatedAt: exampleTime(31), UpdatedAt: exampleTime(31),
		}},
	}
}

// exampleEnded is the same row when it has ended.
func exampleEnded() view.Generation {
	row, end := exampleUnderWay(), exampleTime(31).Add(50*time.Second)
	row.Status, row.Stage, row.Eta, row.CompletedAt, row.UpdatedAt = "complete", nil, nil, &end, &end
	clip := &row.Clips[0]
	clip.Status, clip.AudioURL, clip.Duration, clip.ModelName, clip.UpdatedAt = "complete", new("https://cdn.example/2d1c5e7a-01.mp3"), new(183.2), new("chirp-v4"), &end
	return row
}

// describeExamples gives each response a body as it may be.
func describeExamples(doc *huma.OpenAPI) {
	pending := []view.Generation{exampleUnderWay()}
	event := live.Event{
		ID: 4711, GenerationID: exampleRow, FromStatus: "processing", ToStatus: "streaming", Via: "poll", UpstreamStatus: new("TEXT_SUCCESS"),
		CreatedAt: *exampleTime(31), Generation: new(exampleUnderWay()),
	}
	next := place{at: exampleTime(0).UnixMicro(), id: exampleRow}.cursor()
	bodies := map[string]any{
		"list":        map[string]any{"generations": pending, "count": 1, "has_more": false},
		"sync":        map[string]any{"generations": pending, "syncedCount": 1, "has_more": false},
		"generation":  exampleEnded(),
		"generations": map[string]any{"generations": []view.Generation{exampleEnded()}, "has_more": true, "next": next},
		"events":      event,
		"ticket":      map[string]any{"ticket": "4KJ7Q2X5TZB3H6NWY2RVD5M3AA", "expires_in": 60},
		"webhook":     map[string]any{"status": "accepted"},
	}
	for _, op := range operationsOf(doc) {
		for status, r := range op.Responses {
			for _, content := range r.Content {
				if content.Example = exampleProblem(op, status); status < "300" {
					content.Example = bodies[op.OperationID]
				}
			}
		}
		if op.OperationID == "sync" {
			op.RequestBody.Content["application/json"].Example = map[string]any{"taskIds": []string{exampleTask}}
		}
	}
}

// exampleProblem is what a problem says, mostly.
func exampleProblem(op *huma.Operation, status string) any {
	texts := map[string]string{
		"400": errCursor.Error(), "401": errNoToken.Error(), "403": errOtherUser.Error(), "404": errNoRow.Error(),
		"408": "the body did not come in time", "413": "the body is too large", "422": "validation failed",
		"429": limitedError{time.Second}.Error(), "500": internalDetail, "501": errNoAuth.Error(), "503": errBusy.Error(),
	}
	webhook := map[string]string{"400": errCallback.Error(), "401": errSignature.Error(), "404": errNotFound.Error(), "501": errNoWebhooks.Error()}
	text := texts[status]
	if op.OperationID == "webhook" && webhook[status] != "" {
		text = webhook[status]
	}
	code, _ := strconv.Atoi(status) // the statuses are numbers
	return map[string]any{"title": http.StatusText(code), "status": code, "detail": text}
}
