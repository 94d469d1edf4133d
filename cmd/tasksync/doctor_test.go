package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// The doctor makes one call with each credential, and says what its answer means.
func TestDoctorAsksTheProvider(t *testing.T) {
	t.Parallel()
	database := postgrestest.URL(t)
	ask := func(t *testing.T, provider, address string) (text string, exit int) {
		t.Helper()
		w := &shaped{world: &world{}}
		return w.command(t, map[string]string{
			"DATABASE_URL": database, "TASKSYNC_PROVIDER": provider, "TASKSYNC_API_URL": address, "TASKSYNC_API_KEY": "key-of-the-doctor",
		}, "doctor")
	}
	for _, provider := range providerNames() {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, provider)
			text, exit := ask(t, provider, w.api.URL)
			require.Zero(t, exit, text)
			require.Contains(t, text, "ok   provider "+provider+": accepts the key")
			_, calls := w.front.askedFor()
			require.LessOrEqual(t, calls, 1)
		})
		for name, tc := range map[string]struct {
			status int
			body   string
			want   string
		}{
			"key":   {401, `{"code":401,"msg":"You do not have access permissions","error":{"code":"invalid_token"}}`, "FAIL provider " + provider + ": refuses the account"},
			"pages": {200, `<html>Welcome</html>`, "is the URL right? Check TASKSYNC_API_URL"},
			"none":  {404, `<html>404</html>`, "is the URL right? Check TASKSYNC_API_URL"},
		} {
			t.Run(provider+" "+name, func(t *testing.T) {
				t.Parallel()
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(tc.status)
					_, _ = w.Write([]byte(tc.body))
				}))
				t.Cleanup(server.Close)
				text, exit := ask(t, provider, server.URL)
				require.Equal(t, exitFailed, exit, text)
				require.Contains(t, text, tc.want)
				require.NotContains(t, text, "key-of-the-doctor")
			})
		}
	}
}

// The doctor reports the errors of settings that a start reports.
func TestDoctorValidatesTheSettingsOfRun(t *testing.T) {
	t.Parallel()
	w := &shaped{world: newWorld(t, "sunoapi")}
	for name, value := range map[string]string{"TASKSYNC_JWT_SECRET": "short", "TASKSYNC_CORS_ORIGINS": "app.example", "TASKSYNC_WEBHOOK_TOKEN": "x", "TASKSYNC_PROVIDER": "suno", "TASKSYNC_API_URL": "localhost:8080"} {
		text, exit := w.command(t, w.with(name, value), "doctor")
		require.Equal(t, exitFailed, exit, text)
		require.Contains(t, text, "FAIL settings: configuration: "+name, text)
		said, exit := w.command(t, w.with(name, value), "run")
		require.NotZero(t, exit)
		require.Contains(t, said, name)
	}
}

// With --json the doctor prints one object.
func TestDoctorAsJSON(t *testing.T) {
	t.Parallel()
	w := &shaped{world: newWorld(t, "sunoapi")}
	text, exit := w.command(t, w.settings(), "doctor", "--json")
	require.Zero(t, exit, text)
	var found findings
	require.NoError(t, json.Unmarshal([]byte(text), &found), text)
	require.True(t, found.OK)
	names := map[string]string{}
	for _, f := range found.Findings {
		require.NotEmpty(t, f.Text)
		names[f.Check] = f.Level
	}
	require.Equal(t, "ok", names["server"])
	require.Equal(t, "ok", names["accounts"])
	require.Equal(t, "warn", names["feed"], "no daemon runs")
	require.NotContains(t, names, "")
	w.exec(t, `ALTER TABLE music_clips ADD COLUMN album text NOT NULL`)
	text, exit = w.command(t, w.settings(), "doctor", "--json")
	require.Equal(t, exitFailed, exit)
	found = findings{}
	require.NoError(t, json.Unmarshal([]byte(text), &found), text)
	require.False(t, found.OK)
	require.Contains(t, text, "DROP NOT NULL")

	text, exit = w.command(t, w.with("DATABASE_URL", "postgres://u@127.0.0.1:1/app"), "doctor", "--json")
	require.Equal(t, exitFailed, exit)
	found = findings{}
	require.NoError(t, json.Unmarshal([]byte(text), &found), text)
	away := found.Findings[len(found.Findings)-1]
	require.Equal(t, "server", away.Check)
	require.Contains(t, away.Text, "database: connect to the database: 127.0.0.1:1")
}

// A variable whose value is none of those that there are is named; a flag is not blamed
// on its variable.
func TestVariablesWithWrongValuesAreNamed(t *testing.T) {
	t.Parallel()
	w := &shaped{world: &world{}}
	said, exit := w.command(t, map[string]string{"TASKSYNC_FEED": "x"}, "run")
	require.Equal(t, exitUsage, exit)
	require.Contains(t, said, `TASKSYNC_FEED: --feed must be one of "auto","notify","wal","poll" but got "x"`)
	said, _ = w.command(t, map[string]string{"TASKSYNC_FEED": "wal"}, "run", "--feed", "x")
	require.NotContains(t, said, "TASKSYNC_FEED")
}

// A variable that is misspelt is named, with the one that was meant.
func TestUnknownVariablesAreNamed(t *testing.T) {
	t.Parallel()
	w := &shaped{world: &world{}}
	said, exit := w.command(t, map[string]string{
		"TASKSYNC_TIMOUT": "1m", "TASKSYNC_KIE_APIKEY": "secret of a variable", "TASKSYNC_COLOR_OF_THE_SKY": "blue", "TASKSYNC_KIE_API_URL": "x",
		"TASKSYNC_SERVICE_HOST": "10.0.0.1", "TASKSYNC_PORT_8080_TCP": "tcp://10.0.0.1:8080", "TASKSYNC_GRACE": "1h",
	}, "version")
	require.Zero(t, exit, said)
	require.Contains(t, said, "TASKSYNC_TIMOUT is no setting and has no effect; did you mean TASKSYNC_TIMEOUT?")
	require.Contains(t, said, "TASKSYNC_KIE_APIKEY is no setting and has no effect; did you mean TASKSYNC_KIE_API_KEY?")
	require.Contains(t, said, "TASKSYNC_COLOR_OF_THE_SKY is no setting and has no effect; see tasksync run --help")
	require.Equal(t, 3, strings.Count(said, "no setting"), said)
	require.NotContains(t, said, "secret of a variable")
}
