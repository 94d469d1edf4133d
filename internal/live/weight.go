package live

import "tasksync/internal/view"

// The bytes that a value takes in memory without its texts, rounded up.
const (
	eventWeight      = 256
	generationWeight = 512
	clipWeight       = 512
)

// weigh returns the bytes that events take with their generations. A generation
// that several events share counts once.
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
