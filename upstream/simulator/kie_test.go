package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func TestKieHasTheRecordsOfSunoapi(t *testing.T) {
	t.Parallel()
	a, b := setup(t, Config{}), setup(t, Config{Provider: "kie"})
	for _, kind := range kinds {
		for _, fate := range Fates() {
			if fate == Forgotten {
				continue
			}
			id := a.Submit(kind, fate)
			require.Equal(t, id, b.Submit(kind, fate))
			require.Equal(t, a.status(t, kind, id).text, b.status(t, kind, id).text)
			mine, _ := a.Task(id)
			theirs, _ := b.Task(id)
			require.Equal(t, mine.Expected, theirs.Expected)
		}
	}
}

func TestKieRefusesInItsOwnWay(t *testing.T) {
	t.Parallel()
	for fault, want := range map[Fault]string{
		NoCredits:   sample(t, "kie-any-code402_credits"),
		TooFrequent: sample(t, "kie-any-code429_ratelimit"),
		OverLimit:   sample(t, "kie-any-code429_ratelimit"),
	} {
		b := setup(t, Config{Provider: "kie"})
		id := b.Submit(task.Generate, Ready, fault)
		_, got := b.do(t, http.MethodGet, statusPath(task.Generate, id), "")
		require.Equal(t, want, got, fault)
	}
	b := setup(t, Config{Provider: "kie", RateLimit: 1, APIKey: "k"})
	ask := func(key string) int {
		return b.status(t, task.Generate, "nobody", "Authorization", "Bearer "+key).Code
	}
	require.Equal(t, 401, ask("x"))
	require.Equal(t, 422, ask("k"))
	require.Equal(t, 429, ask("k"))
	got := b.call(t, http.MethodPost, "/api/v1/generate", `{}`, "Authorization", "Bearer k")
	require.Equal(t, 429, got.Code)
	b = setup(t, Config{Provider: "kie"})
	require.Equal(t, 422, b.call(t, http.MethodPost, "/api/v1/generate", `{}`).Code)
	require.Equal(t, 200, b.call(t, http.MethodPost, "/api/v1/lyrics", `{"prompt":"x"}`).Code)
}
