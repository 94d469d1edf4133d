package live

import "tasksync/internal/view"

// What a value takes in memory beside its texts, in bytes, generously.
const (
	eventWeight      = 256
	generationWeight = 512
	clipWeight       = 512
)

// weigh says how much memory events take with their generations, each of which
// counts once.
func weigh(events []Event) int {
	bytes := len(events) * eventWeight
	known := make(map[*view.Generation]bool)
	for _, e := range events {
		if g := e.Generation; g != nil && !known[g] {
			known[g] = true
			bytes += weighGeneration(g)
		}
	}
	return bytes
}

func weighGeneration(g *view.Generation) int {
	bytes := generationWeight + lengths(g.TaskID, g.TaskType, g.Provider, g.ErrorCode, g.ErrorMessage)
	for _, c := range g.Clips {
		bytes += clipWeight + len(c.ClipID) +
			lengths(c.Title, c.AudioURL, c.StreamAudioURL, c.VideoURL, c.ImageURL, c.Lyrics, c.Tags, c.ModelName)
	}
	return bytes
}

func lengths(texts ...*string) (sum int) {
	for _, text := range texts {
		if text != nil {
			sum += len(*text)
		}
	}
	return sum
}
