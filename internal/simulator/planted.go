package simulator

import "slices"

// The words that prompts and lyrics are drawn from.
var (
	verseSubjects = []string{"The lamps", "Our shadows", "These rivers", "Your footsteps"}
	versePlaces   = []string{"the morning", "an empty street", "the long bridge", "a borrowed sky"}
)

const (
	plantedPrompt = "a song of rivers"
	plantedVerse  = "[Verse]"
)

// Planted returns pieces of the prompts and lyrics in a simulator's answers: every
// lyric, and every prompt that is not the client's own, contains at least one piece,
// and hardly any other text does. A client's log must contain none.
func Planted() []string {
	return slices.Concat([]string{plantedPrompt, plantedVerse}, verseSubjects, versePlaces)
}
