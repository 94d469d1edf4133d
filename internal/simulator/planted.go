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

// Planted returns pieces of the prompts and lyrics that a simulator tells: every
// lyric, and every prompt that is not the client's own, has one of them at least,
// and hardly any other text has. What a client logs must have none of them.
func Planted() []string {
	return slices.Concat([]string{plantedPrompt, plantedVerse}, verseSubjects, versePlaces)
}
