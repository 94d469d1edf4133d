package sunoclips

import (
	"strings"
	"testing"

	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/upstreamtest"
)

const sampleID = "11111111-1111-4111-8111-111111111101"

// read reads a body as the answer to a call for one clip, or for a lyric.
func (b *bundle) read(lyrics bool, status int, body string) (obs []task.Observation, f *task.Failure) {
	ans := upstream.Answer{Status: status, Body: []byte(body)}
	if lyrics {
		seen, f := b.adapter.readLyric(ans)
		return []task.Observation{seen}, f
	}
	clips, f := b.adapter.readClips([]string{sampleID}, ans)
	if len(clips) == 1 && clips[0] != nil {
		seen, _ := b.adapter.observe(group{"T1", []string{sampleID}}, map[string]task.Observation{sampleID: *clips[0]}, nil)
		obs = append(obs, seen)
	}
	return obs, f
}

// TestSampleBodies holds the adapter to its reading of the sample bodies; run it
// with -update after a change, and read the difference.
func TestSampleBodies(t *testing.T) {
	t.Parallel()
	upstreamtest.Golden(t, "testdata", func(t *testing.T, name string, body []byte) upstreamtest.Reading {
		t.Helper()
		status := map[string]int{"sunoclips-any-http401": 401, "sunoclips-any-http429": 429}[name]
		list := string(body)
		if strings.Contains(name, "-generate-") { // the answer to a submit is one clip
			list = `{"clips":[` + list + `]}`
		}
		obs, f := setup(t, nil).read(strings.Contains(name, "-lyrics-"), max(status, 200), list)
		return upstreamtest.NewReading(0, f, obs...)
	})
}
