package task

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStageOfAStoredClip(t *testing.T) {
	t.Parallel()
	for want, clips := range map[string][]Clip{
		"submitted": {
			{},
			{ClipID: "t-generate-0", Status: Submitted, Title: "the application's"},
			{ClipID: idA, Status: Submitted, Title: "the application's", Tags: "pop"},
			{Status: "whatever", Lyrics: "words"},
			{ClipID: idA, Status: Processing},
		},
		"text": {
			{ClipID: idA, Status: Processing, Title: "a title"},
			{ClipID: "t-lyrics-0", Status: Queued, Lyrics: "words"},
			{ClipID: idA, Status: Failed, Tags: "pop"},
		},
		"preview": {{ClipID: idA, Status: Streaming, StreamAudioURL: "https://cdn.example/a"}},
		"first":   {{ClipID: idA, Status: Complete, AudioURL: "https://cdn.example/a.mp3"}, {ClipID: "t-lyrics-0", Status: Complete}},
	} {
		for _, c := range clips {
			require.Equal(t, want, StageOf(c).String(), "%+v", c)
		}
	}
}
